"""The base of modules that know where their inputs come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import nnabla as nn

import nnabla_nas.module as Mo


class Module(Mo.Module):
    """A node of a directed acyclic graph of modules.

    A call takes no argument: it evaluates what the node needs, keeps the result and returns it. A
    graph is evaluated anew, with another batch size for example, after `Input.value` was set or
    `reset_value` called. Parents are no child modules: their parameters are not the node's.

    Args:
        parents: the nodes whose outputs are the inputs, in this order.
        name: what drawings and messages call the node.
        eval_prob: the probability that the node is evaluated, see there.

    Attributes:
        name: what drawings and messages call the node.
        parents: the nodes whose outputs are the inputs.
        children: the nodes that depend on this one; the graphs that hold it are among them.

    Raises:
        RuntimeError: if a parent is not a static module.
    """

    def __init__(
        self, parents: Sequence[Mo.Module] = (), name: str = "", eval_prob: float | None = None
    ) -> None:
        self.name = name
        self.parents: list[Module] = []
        self.children: list[Module] = []
        self._eval_prob = eval_prob
        # In a list: a parameter that passes through the node is not the node's own.
        self._outputs: list[nn.Variable] = []
        self._shape: tuple[int, ...] | None = None
        for parent in parents:
            if not isinstance(parent, Module):
                raise RuntimeError(
                    f"{self._label()}: every parent must be a static module, "
                    f"got {type(parent).__name__}"
                )
            self.parents.append(parent)
            parent.add_child(self)

    def add_child(self, child: Module) -> None:
        """Add a node that depends on this one.

        Args:
            child: the node; one that is known already is not added again.
        """
        if not any(child is known for known in self.children):
            self.children.append(child)

    @property
    def inner(self) -> list[Module]:
        """The static modules this one is made of: a graph has some."""
        return []

    @property
    def active_parents(self) -> list[Module]:
        """The parents that the active architecture uses."""
        return self.parents

    @property
    def output(self) -> nn.Variable | None:
        """What the last evaluation returned; None before it and after `reset_value`."""
        return self._outputs[0] if self._outputs else None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the output, inferred by building the node alone before the first call."""
        if self._outputs:
            return tuple(self._outputs[0].shape)
        if self._shape is None:
            self._shape = self._inferred_shape()
        return self._shape

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:  # type: ignore[override]
        """The shapes of the parents' outputs."""
        return tuple(parent.shape for parent in self.parents)

    @property
    def eval_prob(self) -> float:
        """The probability that the node is evaluated when an architecture is drawn.

        It is what the constructor was given. Else it is the sum, over the children, of the
        probability that the child is evaluated times that of the child then using this node: the
        softmax of the join parameters for a Join in mode `sample`, the mask for mode `max`, 1 for
        every other module. The sum is at most 1: so it is exact where the uses exclude each other,
        as the branches of a Join do, or one of them is certain, and an upper bound elsewhere. A
        node without children has probability 1.
        """
        known: dict[int, float] = {}
        waiting: list[Module] = [self]
        while waiting:
            node = waiting[-1]
            children = node.children if node._eval_prob is None else []
            missing = [child for child in children if id(child) not in known]
            if missing:
                waiting += missing
                continue
            uses = [child._use(node) * known[id(child)] for child in children]
            given = 1.0 if node._eval_prob is None else node._eval_prob
            known[id(node)] = min(1.0, sum(uses)) if uses else given
            waiting.pop()
        return known[id(self)]

    def _use(self, parent: Module) -> float:
        """Return the probability that an evaluation of this node uses a parent."""
        return 1.0

    def reset_value(self) -> None:
        """Forget the outputs of this node, of what is inside it and of all that depends on it."""
        waiting = list(self._self_and_inner())
        seen = set(map(id, waiting))
        while waiting:
            node = waiting.pop()
            node._outputs, node._shape = [], None
            children = [child for child in node.children if id(child) not in seen]
            seen.update(map(id, children))
            waiting += children

    def forget_outputs(self) -> None:
        """Forget the outputs of this node and of what is inside it; their shapes stay known.

        Whoever needs the last output alone lets the memory of the others be given back by it.
        """
        for node in self._self_and_inner():
            # To ask the others for their shapes would build them.
            if node._outputs:
                node._shape, node._outputs = node.shape, []

    def _self_and_inner(self) -> Iterator[Module]:
        yield self
        for node in self.inner:
            yield from node._self_and_inner()

    def apply(self, **properties: Any) -> Module:
        """Set properties on this node and its child modules, and forget outputs built without.

        Args:
            properties: names and values, for example `training=False`.

        Returns:
            The node itself.
        """
        super().apply(**properties)
        self.reset_value()
        return self

    def __call__(self) -> nn.Variable:  # type: ignore[override]
        """Evaluate the node, and before it whatever it needs; what is known is not built again."""
        waiting: list[Module] = [self]
        while waiting:
            node = waiting[-1]
            missing = [] if node._outputs else node._missing()
            if missing:
                waiting += missing
                continue
            if not node._outputs:
                node._outputs = [node._evaluate()]
            waiting.pop()
        return self._outputs[0]

    def _missing(self) -> list[Module]:
        """Return the nodes to evaluate before this one."""
        return [parent for parent in self.parents if parent.output is None]

    def _evaluate(self) -> nn.Variable:
        return self.call(*[parent() for parent in self.parents])

    def _inferred_shape(self) -> tuple[int, ...]:
        training = self.training
        # In evaluation there are no masks to draw and no statistics to move.
        super().apply(training=False)
        with nn.auto_forward(False):
            output = self.call(*[nn.Variable(shape) for shape in self.input_shapes])
        super().apply(training=training)
        return tuple(output.shape)

    def _label(self) -> str:
        return f"{type(self).__name__} '{self.name}'" if self.name else type(self).__name__


class OneParent(Module):
    """A node that computes what its dynamic twin, the second base class, computes.

    Args:
        parents: the one node whose output is the input.
        arguments: the twin's arguments.
        name: what drawings and messages call the node.
        eval_prob: the probability that the node is evaluated.
        keywords: the twin's arguments by name.

    Raises:
        RuntimeError: if there is not exactly one parent, or it is not a static module.
    """

    def __init__(
        self,
        parents: Sequence[Mo.Module],
        *arguments: Any,
        name: str = "",
        eval_prob: float | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__(parents, name, eval_prob)
        if len(parents) != 1:
            raise RuntimeError(f"{self._label()}: needs exactly one parent, got {len(parents)}")
        super(Module, self).__init__(*arguments, **keywords)
