"""The mobilenet space in PyTorch.

Source: Sandler et al., "MobileNetV2", 2018; Cai et al., "ProxylessNAS", 2019.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from steps.torch_layers import Choice, classifier, convolution

CANDIDATES = ("MB3 3x3", "MB6 3x3", "MB3 5x5", "MB6 5x5", "MB3 7x7", "MB6 7x7")


def conv_bn_relu6(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> Any:
    """Return convolution, batch normalisation, ReLU6.

    Args:
        c_in: channels of the input.
        c_out: channels of the output.
        kernel: side length, odd.
        stride: of both axes.
        groups: into how many the channels are divided.
    """
    conv = convolution(c_in, c_out, kernel, stride, groups)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; add the input where shapes agree.

    Args:
        c_in: channels of the input.
        c_out: channels of the output.
        kernel: side length of the depthwise filters.
        stride: of the depthwise filters.
        expansion: inner channels by those of the input; 1 does not expand.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = expansion * c_in
        self.layers = nn.Sequential(
            *([conv_bn_relu6(c_in, inner, 1)] if expansion != 1 else []),
            conv_bn_relu6(inner, inner, kernel, stride, inner),
            convolution(inner, c_out, 1),
            nn.BatchNorm2d(c_out),
        )
        self.adds = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Args:
            x: (B, c_in, H, W).
        """
        return x + self.layers(x) if self.adds else self.layers(x)


def mobilenet(arguments: dict[str, Any], chosen: list[str] | None) -> nn.Sequential:
    """Return the super-network, or the network of one architecture; of width 1, without dropout.

    Args:
        arguments: of the network of this project.
        chosen: the operation of every block; None for the super-network.
    """
    features = [
        conv_bn_relu6(arguments["in_channels"], 32, 3, arguments["stem_stride"]),
        InvertedResidual(32, 16, 3, 1, 1),
    ]
    c = 16
    candidates = arguments["candidates"] or CANDIDATES

    def build(name: str, c_out: int, stride: int) -> nn.Module:
        if name == "skip_connect":
            return nn.Identity()
        return InvertedResidual(c, c_out, int(name[-1]), stride, int(name[2]))

    for c_out, n_blocks, first_stride in arguments["settings"]:
        for block in range(n_blocks):
            stride = first_stride if block == 0 else 1
            skips = arguments["skip_connect"] and stride == 1 and c == c_out
            names = [*candidates, "skip_connect"] if skips else candidates
            if chosen is None:
                features.append(Choice(build(name, c_out, stride) for name in names))
            else:
                features.append(build(chosen[len(features) - 2], c_out, stride))
            c = c_out
    features.append(conv_bn_relu6(c, 1280, 1))
    return nn.Sequential(*features, *classifier(1280, arguments["num_classes"]))
