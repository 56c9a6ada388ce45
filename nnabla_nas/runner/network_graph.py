"""The graph of a network, read from nnabla, for TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnabla_nas.artifact.network_graph import GraphNode
from nnabla_nas.estimator.active_path import build_active_path
from nnabla_nas.search_space.model import Model


def network_graph(model: Model, input_shape: Sequence[int]) -> list[GraphNode]:
    """Return the functions of the active architecture; the paths of parameters name them.

    Args:
        model: the network.
        input_shape: (C, H, W) of one example.
    """
    # The graph of evaluation, whichever graph was built last.
    model.apply(private_statistics=False)
    reader = _Reader({p.data: path for path, p in model.get_parameters().items()})
    build_active_path(model, input_shape).visit(reader.visit)
    return reader.nodes


class _Reader:
    def __init__(self, parameters: dict[Any, str]) -> None:
        self.nodes: list[GraphNode] = []
        self._parameters = parameters
        self._makers: dict[Any, str] = {}
        self._names: dict[str, int] = {}

    def visit(self, function: Any) -> None:
        """Add a function; those that its inputs come from have been visited before."""
        weights = {
            self._parameters[v.data]: v for v in function.inputs if v.data in self._parameters
        }
        sources = [self._source(v) for v in function.inputs if v.data not in self._parameters]
        name = self._unique(f"{self._scope(list(weights), sources)}{function.info.type_name}")
        outputs = function.outputs
        attributes = {path.rpartition("/")[2]: str(v.shape) for path, v in weights.items()}
        attributes |= {key: str(value) for key, value in function.info.args.items()}
        self.nodes.append(
            GraphNode(
                name, function.info.type_name, tuple(sources), tuple(outputs[0].shape), attributes
            )
        )
        for output in outputs:
            self._makers[output] = name

    def _source(self, variable: Any) -> str:
        """Return the node that a variable comes from; one that nothing computes is an input."""
        if variable not in self._makers:
            name = self._unique("input")
            self.nodes.append(GraphNode(name, "Input", shape=tuple(variable.shape)))
            self._makers[variable] = name
        return self._makers[variable]

    def _scope(self, weights: list[str], sources: list[str]) -> str:
        """Return the box a function belongs in: that of its weights, else of its last source."""
        order = [node.name for node in self.nodes]
        place = weights[0] if weights else max(sources, key=order.index, default="")
        scope, slash, _ = place.rpartition("/")
        return scope + slash

    def _unique(self, name: str) -> str:
        number = self._names.get(name, 0)
        self._names[name] = number + 1
        return f"{name}_{number}" if number else name
