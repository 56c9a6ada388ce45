"""Randomly wired networks in PyTorch.

Source: Xie et al., "Exploring Randomly Wired Neural Networks for Image Recognition", 2019.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from steps.torch_layers import classifier, convolution
from steps.torch_zoph import conv_bn_relu


def vertex_operation(name: str, c: int, side: int) -> nn.Module:
    """Return what a vertex does to the sum of its inputs.

    Args:
        name: as arch.json names it.
        c: channels.
        side: of the sum.
    """
    if name == "MaxPool2x2":
        return nn.MaxPool2d(min(2, side))
    if name == "AveragePool2x2":
        return nn.AvgPool2d(min(2, side))
    if name == "Conv3x3":
        return conv_bn_relu(c, c, 3)
    if name == "output":
        return nn.Identity()
    return nn.Sequential(convolution(c, c, int(name[-1]), groups=c), *conv_bn_relu(c, c, 1))


class RandomlyWired(nn.Module):
    """The network of a wiring.

    Args:
        arguments: of the network of this project.
        vertices: as arch.json describes them: operation, channels, side and inputs of each.
    """

    def __init__(self, arguments: dict[str, Any], vertices: list[dict[str, Any]]) -> None:
        super().__init__()
        channels, side = arguments["input_shape"][:2]
        shapes = [(channels, side)]
        self.sources = [vertex["inputs"] for vertex in vertices]
        self.projections = nn.ModuleList()
        self.operations = nn.ModuleList()
        for vertex in vertices:
            inputs = [shapes[source] for source in vertex["inputs"]]
            smallest = min(side for _, side in inputs)
            c = vertex["channels"]
            self.projections.append(nn.ModuleList())
            for channels, side in inputs:
                layers = list(conv_bn_relu(channels, c, 1))
                if side != smallest:
                    layers.append(nn.MaxPool2d(side // smallest))
                self.projections[-1].append(nn.Sequential(*layers))
            self.operations.append(vertex_operation(vertex["operation"], c, smallest))
            shapes.append((c, vertex["side"][0]))
        self.classifier = classifier(shapes[-1][0], arguments["n_classes"])

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits.

        Args:
            images: (B, C, H, W).
        """
        values = [images]
        rows = zip(self.sources, self.projections, self.operations)  # noqa: B905
        for sources, projections, operation in rows:
            pairs = zip(projections, sources)  # noqa: B905
            values.append(operation(sum(project(values[i]) for project, i in pairs)))
        return self.classifier(values[-1])
