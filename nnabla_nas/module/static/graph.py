"""Several static modules as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import nnabla as nn

import nnabla_nas.module as Mo
from nnabla_nas.module.static.drawing import graphviz_graph
from nnabla_nas.module.static.module import Module

if TYPE_CHECKING:
    from graphviz import Digraph


class Graph(Module, Mo.ModuleList):
    """A list of static modules; its output is the last one's.

    The modules are children named by their position: '0', '1', …; further modules and parameters
    may be attributes.

    Args:
        parents: nodes outside that the modules inside have for parents.
        name: what drawings and messages call the graph.
        eval_prob: the probability that the graph is evaluated.
        modules: the modules, each behind its parents.

    Raises:
        RuntimeError: if a parent is not a static module.
        TypeError: if a module is not a static module.
    """

    _kind = Module

    def __init__(
        self,
        parents: Sequence[Mo.Module] = (),
        name: str = "",
        eval_prob: float | None = None,
        modules: Sequence[Module] | None = None,
    ) -> None:
        super().__init__(parents, name, eval_prob)
        Mo.ModuleList.__init__(self, modules)

    def _checked(self, item: Any) -> Any:
        module = super()._checked(item)
        # What changes inside changes the output.
        module.add_child(self)
        self.reset_value()
        return module

    def __delitem__(self, index: Any) -> None:
        super().__delitem__(index)
        self.reset_value()

    def _children(self) -> Iterator[tuple[str, Any]]:
        yield from super()._children()
        yield from vars(self).items()

    @property
    def inner(self) -> list[Module]:
        """The modules in the list."""
        return cast("list[Module]", list(self._items))

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def _missing(self) -> list[Module]:
        return [] if self._last().output is not None else [self._last()]

    def call(self) -> nn.Variable:
        """Return the last module's output."""
        return self._last()()

    def _evaluate(self) -> nn.Variable:
        return self.call()

    def _inferred_shape(self) -> tuple[int, ...]:
        return self._last().shape

    def _use(self, parent: Module) -> float:
        # The modules inside read the parents.
        return float(len(self) > 0 and parent is self._last())

    def _last(self) -> Module:
        if not self._items:
            raise RuntimeError(f"{self._label()}: the graph is empty")
        return self.inner[-1]

    def get_gv_graph(
        self, active_only: bool = True, color_map: Mapping[type, str] | None = None
    ) -> Digraph:
        """Return the graph for Graphviz: every module a box, every graph inside a frame.

        Args:
            active_only: leave out what no output depends on once every Join in mode `sample` or
                `max` takes its active branch.
            color_map: fill colour by class; a subclass has its nearest base's.
        """
        return graphviz_graph(self, active_only, {} if color_map is None else color_map)
