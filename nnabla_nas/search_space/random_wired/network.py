"""The network of the random_wired space.

Source: Xie et al., "Exploring Randomly Wired Neural Networks for Image Recognition", 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnabla as nn

import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.artifact.diagram import Diagram
from nnabla_nas.search_space.classification import ClassificationModel
from nnabla_nas.search_space.random_wired.checks import argument_faults
from nnabla_nas.search_space.random_wired.graph import GraphName, draw_edges, predecessors
from nnabla_nas.search_space.random_wired.operations import (
    OPERATIONS,
    RANDOM_CANDIDATES,
    strided,
)
from nnabla_nas.search_space.random_wired.vertex import Shape, Vertex, smallest
from nnabla_nas.search_space.random_wired.wiring_diagram import wiring_diagram


class TrainNet(ClassificationModel):
    """A network wired as a random graph, with a random operation and width at every vertex.

    The wiring depends on the run's seed and the arguments alone, so an experiment and its seed
    make the same network again. The edges lead from lower to higher numbers. A vertex projects
    each input by a 1×1 convolution with batch normalisation and ReLU, max-pools the larger ones to
    the smallest, adds them up and applies its operation. The output is such a vertex without an
    operation, `max_channels` wide; its average over the image goes to a linear classifier.

    The paper's best graphs are `watts_strogatz` with k 4 and p 0.75, `erdos_renyi` with p 0.2 and
    `barabasi_albert` with k 5.

    Args:
        n_vertices: vertices of the random graph; input and output come on top.
        input_shape: (channels, height, width) of the images.
        n_classes: outputs.
        candidates: names of the operations that are drawn from, evenly: some of `SepConv3x3`,
            `SepConv5x5`, `Conv3x3`, `MaxPool2x2`, `AveragePool2x2`.
        min_channels: the least number of channels of a vertex.
        max_channels: the largest.
        k: neighbours of a vertex on the ring (watts_strogatz, even), or edges that each new vertex
            brings along (barabasi_albert).
        p: probability of an edge to be rewired (watts_strogatz), or to exist (erdos_renyi).
        name: stands in the drawing's title.
        graph: the generator: `watts_strogatz`, `erdos_renyi` or `barabasi_albert`.
        label_smoothing: share of the target spread evenly over all classes.
        weights: a parameter file to start from.

    Raises:
        ValueError: if an argument makes no sense, or no connected graph was found.
    """

    def __init__(
        self,
        n_vertices: int = 20,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        n_classes: int = 10,
        candidates: Sequence[str] = RANDOM_CANDIDATES,
        min_channels: int = 128,
        max_channels: int = 1024,
        k: int = 4,
        p: float = 0.75,
        name: str = "",
        graph: GraphName = "watts_strogatz",
        label_smoothing: float = 0,
        weights: str | None = None,
    ) -> None:
        self.label_smoothing = label_smoothing
        self._name = name
        self._graph = graph
        self._input_shape = tuple(input_shape)
        generator = random.current().derived("wiring")
        edges = draw_edges(graph, n_vertices, k, p, generator)
        *wiring, last = predecessors(n_vertices, edges)
        channels, height, width = input_shape
        shapes = [Shape(channels, (height, width))]
        self._words: list[dict[str, Any]] = []
        self._vertices = Mo.ModuleList()
        self._sources = [*wiring, last]
        for sources in wiring:
            operation = OPERATIONS[candidates[int(generator.integers(len(candidates)))]]
            channels = int(generator.integers(min_channels, max_channels, endpoint=True))
            inputs = [shapes[source] for source in sources]
            side = smallest(inputs)
            self._vertices.append(Vertex(inputs, channels, operation(channels, side)))
            shapes.append(Shape(channels, strided(side, operation.stride)))
            self._describe(operation.__name__, shapes[-1], sources)
        inputs = [shapes[source] for source in last]
        self._vertices.append(Vertex(inputs, max_channels, Mo.Identity()))
        self._describe("output", Shape(max_channels, smallest(inputs)), last)
        self._classifier = Mo.Sequential(Mo.GlobalAvgPool(), Mo.Linear(max_channels, n_classes))
        if weights is not None:
            self.load_weights(weights)

    @staticmethod
    def check_arguments(arguments: dict[str, Any]) -> list[tuple[str, str]]:
        """Return (argument, what is wrong) for values no network can be built from.

        Args:
            arguments: the constructor's arguments, already of the right types.
        """
        return argument_faults(arguments)

    def _describe(self, operation: str, shape: Shape, sources: Sequence[int]) -> None:
        self._words.append(
            {
                "vertex": len(self._words) + 1,
                "operation": operation,
                "channels": shape.channels,
                "side": list(shape.side),
                "inputs": list(sources),
            }
        )

    def call(self, x: nn.Variable) -> nn.Variable:
        """Return the logits.

        Args:
            x: (B, *input_shape).

        Returns:
            (B, n_classes).

        Raises:
            ValueError: if the images have another shape than the network was made for.
        """
        if x.shape[1:] != self._input_shape:
            raise ValueError(f"made for images of {self._input_shape}, got {x.shape[1:]}")
        values = [x]
        for vertex, sources in zip(self._vertices, self._sources, strict=True):
            values.append(vertex(*[values[source] for source in sources]))
        return self._classifier(values[-1])

    def decode(self) -> dict[str, Any]:
        """Return the wiring in words, as arch.json holds it.

        Returns:
            `graph`: the generator; `vertices`: per vertex its number, operation, the shape it hands
            on and the numbers of its inputs, 0 being the image. The last one is the output.
        """
        return {"graph": self._graph, "vertices": self._words}

    def summary(self) -> str:
        """Return a few lines: trainable weights, and the size of the graph."""
        n_edges = sum(len(sources) for sources in self._sources)
        wiring = f"wiring: {self._graph}, {len(self._sources) - 1} vertices and the output, "
        return f"{super().summary()}\n{wiring}{n_edges} edges"

    def diagram(self) -> Diagram:
        """Return the wiring as boxes and arrows."""
        return wiring_diagram(self._name, self._graph, self._input_shape, self._words)
