"""The zoph space in PyTorch, one path at a time.

Source: Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", 2018.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from steps.torch_layers import Choice, Zero, convolution


def conv_bn_relu(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    """Return convolution, batch normalisation, ReLU.

    Args:
        c_in: channels of the input.
        c_out: channels of the output.
        kernel: side length, odd.
    """
    return nn.Sequential(convolution(c_in, c_out, kernel), nn.BatchNorm2d(c_out), nn.ReLU())


def candidate(name: str, c: int) -> nn.Module:
    """Return one of the operations a block chooses from.

    Args:
        name: its name.
        c: channels.
    """
    if name == "Identity":
        return nn.Identity()
    if name == "Zero":
        return Zero()
    if "Pool" in name:
        pool = nn.MaxPool2d(3, 1, 1) if name.startswith("Max") else nn.AvgPool2d(3, 1, 1)
        return nn.Sequential(pool, nn.BatchNorm2d(c), nn.ReLU())
    kernel, dilation = int(name[-1]), 2 if name.startswith("Dil") else 1
    layers: list[nn.Module] = []
    for _ in range(2):
        pad = dilation * (kernel // 2)
        layers.append(nn.Conv2d(c, c, kernel, 1, pad, dilation, groups=c, bias=False))
        layers.append(convolution(c, c, 1))
    return nn.Sequential(*layers, nn.BatchNorm2d(c), nn.ReLU())


class Cell(nn.Module):
    """Project both inputs; blocks see them and all blocks before; concatenate everything.

    Args:
        inputs: (channels, side) of both inputs.
        c: channels of a block.
        depth: blocks.
        reduces: whether the resolution is halved.
        candidates: names of the operations.
    """

    def __init__(
        self,
        inputs: list[tuple[int, int]],
        c: int,
        depth: int,
        reduces: bool,
        candidates: list[str],
    ) -> None:
        super().__init__()
        smallest = min(side for _, side in inputs)
        self.side = max(1, smallest // 2) if reduces else smallest
        self.projections = nn.ModuleList()
        for channels, side in inputs:
            layers = list(conv_bn_relu(channels, c, 1))
            if side != self.side:
                stride = side // self.side
                layers.append(nn.MaxPool2d(side - (self.side - 1) * stride, stride))
            self.projections.append(nn.Sequential(*layers))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                convolution((len(inputs) + block) * c, c, 1, bias=True),
                Choice(candidate(name, c) for name in candidates),
            )
            for block in range(depth)
        )
        self.channels = (len(inputs) + depth) * c

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return what blocks and projections compute, behind each other.

        Args:
            inputs: (B, C, H, W) each.
        """
        visible = [project(x) for project, x in zip(self.projections, inputs)]  # noqa: B905
        for block in self.blocks:
            visible.append(block(torch.cat(visible, 1)))
        return torch.cat(visible, 1)


class ZophNetwork(nn.Module):
    """Two convolutions, cells, a 1×1 convolution to the classes, global average.

    Args:
        arguments: of the network of this project.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        super().__init__()
        channels, side = arguments["input_shape"][:2]
        c = arguments["stem_channels"]
        self.stem = nn.ModuleList([conv_bn_relu(channels, c, 7), conv_bn_relu(c, c, 3)])
        seen = [(c, side), (c, side)]
        self.cells = nn.ModuleList()
        rows = (arguments[key] for key in ("cell_channels", "cell_depth", "reducing"))
        for c, depth, reduces in zip(*rows):  # noqa: B905
            cell = Cell(seen[-2:], c, depth, reduces, arguments["candidates"])
            self.cells.append(cell)
            seen.append((cell.channels, cell.side))
        n = arguments["n_classes"]
        self.head = nn.Sequential(convolution(seen[-1][0], n, 1), nn.BatchNorm2d(n))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits.

        Args:
            images: (B, C, H, W).
        """
        before = self.stem[0](images)
        last = self.stem[1](before)
        for cell in self.cells:
            before, last = last, cell(before, last)
        return self.head(last).mean((2, 3))
