"""Networks of cells in PyTorch.

Source: Liu et al., "DARTS: Differentiable Architecture Search", 2019, sections 2 and 3 and
appendix A.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from steps.torch_layers import classifier, convolution

OPERATIONS = (
    "dil_conv_3x3",
    "dil_conv_5x5",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "none",
)


def relu_conv_bn(c_in: int, c_out: int) -> nn.Sequential:
    """Return ReLU, 1×1 convolution, batch normalisation.

    Args:
        c_in: channels of the input.
        c_out: channels of the output.
    """
    return nn.Sequential(nn.ReLU(), convolution(c_in, c_out, 1), nn.BatchNorm2d(c_out))


class FactorizedReduce(nn.Module):
    """Halve the resolution by two 1×1 convolutions of stride 2, one pixel apart.

    Args:
        c_in: channels of the input.
        c_out: channels of the output.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.first = convolution(c_in, c_out // 2, 1, 2)
        self.second = convolution(c_in, c_out // 2, 1, 2)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the resolution.

        Args:
            x: (B, C, H, W), H and W even.
        """
        x = self.relu(x)
        return self.norm(torch.cat([self.first(x), self.second(x[:, :, 1:, 1:])], 1))


def separable(c: int, kernel: int, stride: int, dilation: int = 1) -> list[nn.Module]:
    """Return ReLU, depthwise convolution, 1×1 convolution, batch normalisation.

    Args:
        c: channels.
        kernel: side length, odd.
        stride: of the depthwise filters.
        dilation: of the depthwise filters.
    """
    pad = dilation * (kernel // 2)
    depthwise = nn.Conv2d(c, c, kernel, stride, pad, dilation, groups=c, bias=False)
    return [nn.ReLU(), depthwise, convolution(c, c, 1), nn.BatchNorm2d(c)]


def operation(name: str, c: int, stride: int) -> nn.Module:
    """Return an operation of the space, `none` apart.

    Args:
        name: one of `OPERATIONS`.
        c: channels.
        stride: 1 or 2.
    """
    kernel = int(name[-1]) if name[-1].isdigit() else 0
    if name.startswith("dil_conv"):
        return nn.Sequential(*separable(c, kernel, stride, 2))
    if name.startswith("sep_conv"):
        return nn.Sequential(*separable(c, kernel, stride), *separable(c, kernel, 1))
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, 1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, 1)
    return nn.Identity() if stride == 1 else FactorizedReduce(c, c)


class MixedEdge(nn.Module):
    """The weighted sum of all operations; that of `none` is zero and is not computed.

    Args:
        c: channels.
        stride: 1 or 2.
    """

    def __init__(self, c: int, stride: int) -> None:
        super().__init__()
        self.operations = nn.ModuleList(operation(name, c, stride) for name in OPERATIONS[:-1])

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Return the sum.

        Args:
            x: (B, C, H, W).
            weights: one per operation, (8,).
        """
        return sum(w * one(x) for w, one in zip(weights, self.operations))  # noqa: B905


class Cell(nn.Module):
    """A cell, its edges mixed or chosen.

    Args:
        channels: of the cell before the last, the last, and the operations.
        reductions: whether the last cell and this one halve the resolution.
        nodes: per node (operation, input) of every edge; None mixes all of them.
        n_nodes: nodes.
        drop_prob: probability that an example loses a path.
    """

    def __init__(
        self,
        channels: tuple[int, int, int],
        reductions: tuple[bool, bool],
        nodes: list[list[list[int]]] | None,
        n_nodes: int,
        drop_prob: float = 0.0,
    ) -> None:
        super().__init__()
        before, last, c = channels
        first = FactorizedReduce if reductions[0] else relu_conv_bn
        self.inputs = nn.ModuleList([first(before, c), relu_conv_bn(last, c)])
        self.drop_prob = drop_prob
        self.edges = nn.ModuleList()
        self.sources: list[list[int]] = []
        for node in range(n_nodes):
            edges = [[-1, i] for i in range(node + 2)] if nodes is None else nodes[node]
            for op, source in edges:
                stride = 2 if reductions[1] and source < 2 else 1
                mixed = op < 0
                edge = MixedEdge(c, stride) if mixed else operation(OPERATIONS[op], c, stride)
                self.edges.append(edge)
            self.sources.append([source for _, source in edges])

    def forward(self, before: Tensor, last: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the output, the nodes behind each other.

        Args:
            before: output of the cell before the last.
            last: output of the last cell.
            weights: of the operations on every edge, (edges, 8), where edges are mixed.
        """
        states = [self.inputs[0](before), self.inputs[1](last)]
        edge = 0
        for sources in self.sources:
            terms = []
            for source in sources:
                block, x = self.edges[edge], states[source]
                terms.append(
                    block(x, weights[edge]) if weights is not None else self.path(block, x)
                )
                edge += 1
            states.append(sum(terms))
        return torch.cat(states[2:], 1)

    def path(self, block: nn.Module, x: Tensor) -> Tensor:
        """Apply an operation, and leave it out for some examples.

        Args:
            block: the operation.
            x: (B, C, H, W).
        """
        y = block(x)
        if self.drop_prob and not isinstance(block, nn.Identity):
            keep = 1 - self.drop_prob
            y = y * torch.empty(len(x), 1, 1, 1).bernoulli_(keep).div_(keep)
        return y


class CellNetwork(nn.Module):
    """Stem, cells, classifier; in a network to train perhaps an auxiliary head.

    Args:
        arguments: of the network of this project.
        cells: by kind of cell and node its edges, None where they are mixed.
    """

    def __init__(self, arguments: dict[str, Any], cells: dict[str, Any] | None) -> None:
        super().__init__()
        n_cells, n_classes = arguments["num_cells"], arguments["num_classes"]
        n_nodes, c = arguments["num_choices"], arguments["init_channels"]
        before = last = arguments["stem_multiplier"] * c
        stem = convolution(arguments["in_channels"], last, 3)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(last))
        self.cells = nn.ModuleList()
        self.kinds = []
        self.head_at, self.head = -1, None
        reduced = False
        for index in range(n_cells):
            reduces = index in (n_cells // 3, 2 * n_cells // 3)
            self.kinds.append("reduce" if reduces else "normal")
            c *= 2 if reduces else 1
            nodes = None
            if cells is not None:
                words = cells[f"{self.kinds[-1]}_alpha"]
                nodes = [words[str(node + 2)] for node in range(n_nodes)]
            drop_prob = arguments.get("drop_path", 0)
            cell = Cell((before, last, c), (reduced, reduces), nodes, n_nodes, drop_prob)
            self.cells.append(cell)
            before, last, reduced = last, n_nodes * c, reduces
            if arguments.get("auxiliary") and index == 2 * n_cells // 3:
                self.head_at, self.head = index, auxiliary_head(last, n_classes)
        self.classifier = classifier(last, n_classes)
        n_edges = sum(node + 2 for node in range(n_nodes))
        self.alphas = nn.ParameterDict()
        if cells is None:
            shape = (n_edges, len(OPERATIONS))
            self.alphas.update({k: nn.Parameter(torch.zeros(shape)) for k in ("normal", "reduce")})

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the logits, and those of the head in the middle.

        Args:
            images: (B, C, H, W).
        """
        weights = {kind: alpha.softmax(1) for kind, alpha in self.alphas.items()}
        before = last = self.stem(images)
        outputs = []
        for index, (cell, kind) in enumerate(zip(self.cells, self.kinds)):  # noqa: B905
            before, last = last, cell(before, last, weights.get(kind))
            if index == self.head_at:
                outputs.append(self.head(last))
        return [self.classifier(last), *outputs]


def auxiliary_head(c: int, n_classes: int) -> nn.Sequential:
    """Return the classifier in the middle of the network.

    Args:
        c: channels of its input.
        n_classes: outputs.
    """
    return nn.Sequential(
        nn.ReLU(),
        nn.AvgPool2d(5, 3),
        nn.Conv2d(c, 128, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.Conv2d(128, 768, 2, bias=False),
        nn.BatchNorm2d(768),
        nn.ReLU(),
        *classifier(768, n_classes),
    )
