"""The pieces that a program for the CPU is made of, and the memory they read and write."""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import NamedTuple

import nnabla as nn

from nnabla_nas.function import buffers
from nnabla_nas.function.cpu.activation import add_to
from nnabla_nas.function.host_values import address

BYTES = ctypes.sizeof(ctypes.c_float)


def move(source: int, target: int, n: int, add: bool) -> None:
    """Copy values, or add them to those that are there.

    Args:
        source: their address.
        target: where they go.
        n: how many.
        add: whether to add.
    """
    if add:
        add_to(source, target, n)
    else:
        ctypes.memmove(target, source, BYTES * n)


class Value:
    """An activation, (C, H, W, B) in memory.

    Args:
        shape: of the activation.
    """

    __slots__ = ("shape", "size")

    def __init__(self, shape: Iterable[int]) -> None:
        self.shape = tuple(shape)
        self.size = prod(self.shape)


class Targets:
    """Where the gradients of nnabla's variables are added up during a backward pass.

    Args:
        given: of the variables that nnabla hands to the program, whether each has a gradient
            already; None where no gradient is wanted. All others are leaves of the graph.
    """

    def __init__(self, given: dict[nn.Variable, bool | None]) -> None:
        self._given = given

    def wants(self, variable: nn.Variable) -> bool:
        """Return whether a gradient is wanted.

        Args:
            variable: one of nnabla's variables.
        """
        if variable in self._given:
            return self._given[variable] is not None
        return bool(variable.need_grad)

    def of(self, variable: nn.Variable) -> int:
        """Return the address of a gradient to add to, 0 where none is wanted.

        Args:
            variable: one of nnabla's variables.
        """
        if not self.wants(variable):
            return 0
        if self._given.get(variable) is False:
            variable.grad.zero()
            self._given[variable] = True
        return address(variable.grad)

    def complete(self) -> None:
        """Make the gradients zero that nothing was added to."""
        for variable in self._given:
            self.of(variable)


class Back(NamedTuple):
    """What an operation is given for its backward pass.

    Args:
        x: addresses of the inputs, 0 where `reads_back` let them go.
        g: address of the output's gradient.
        gradients: addresses of the inputs' gradients, 0 where none is wanted.
        add: per input whether to add to the gradient that is there.
        targets: where the gradients of variables go.
    """

    x: Sequence[int]
    g: int
    gradients: Sequence[int]
    add: Sequence[bool]
    targets: Targets


class Operation(ABC):
    """A step of a program: it computes one activation from others.

    Args:
        inputs: the activations it is computed from.
        shape: of the activation it computes, (C, H, W, B).
        variables: nnabla's variables that it reads.

    Attributes:
        output: the activation it computes.
        touched: activations that must have been computed, but are not read: what they are computed
            by moves running statistics, and its parameters have gradients, if of zeros.
        beside: activations that this one stands for as well, and that somebody outside reads: a
            pass that computes this one computes them.
        depends: whether functions of nnabla's compute one of the variables.
    """

    touched: tuple[Value, ...] = ()
    beside: tuple[Value, ...] = ()

    def __init__(
        self,
        inputs: Sequence[Value],
        shape: Iterable[int],
        variables: Sequence[nn.Variable] = (),
    ) -> None:
        self.inputs = tuple(inputs)
        self.output = Value(shape)
        self.variables = tuple(variables)
        self._leaves = [v for v in self.variables if v.parent is None]
        self._kept: buffers.Buffer | None = None
        self.depends = len(self._leaves) < len(self.variables)

    @property
    def used(self) -> tuple[Value, ...]:
        """The inputs that are read at present."""
        return self.inputs

    @property
    def moves(self) -> bool:
        """Whether a forward pass moves running statistics."""
        return False

    def learns(self) -> bool:
        """Return whether one of the variables may need a gradient."""
        return self.depends or any(leaf.need_grad for leaf in self._leaves)

    def reads_back(self) -> bool:
        """Return whether the backward pass reads the inputs."""
        return False

    @abstractmethod
    def forward(self, x: Sequence[int], y: int, keep: bool) -> None:
        """Compute the output.

        Args:
            x: addresses of the inputs.
            y: address of the output.
            keep: whether a backward pass may follow.
        """

    @abstractmethod
    def backward(self, back: Back) -> None:
        """Compute the gradients.

        Args:
            back: what it is given.
        """

    def forget(self) -> None:
        """Give back what is kept for a backward pass, if anything is."""
        if self._kept is not None:
            buffers.give(self._kept)
            self._kept = None


def upstream(values: Iterable[Value], source: Mapping[Value, Operation]) -> set[Operation]:
    """Return all operations that some activations are computed by, whatever is chosen.

    Args:
        values: the activations.
        source: what computes each.
    """
    found: set[Operation] = set()
    waiting = list(values)
    while waiting:
        operation = source[waiting.pop()]
        if operation not in found:
            found.add(operation)
            waiting += (*operation.inputs, *operation.touched, *operation.beside)
    return found


class Export(ABC):
    """The last step of a program on an activation: it leaves it to nnabla's functions.

    Args:
        source: the activation.
        shape: of nnabla's variable.
    """

    def __init__(self, source: Value, shape: Iterable[int]) -> None:
        self.source = source
        self.shape = tuple(shape)

    @abstractmethod
    def forward(self, x: int, y: int) -> None:
        """Write nnabla's variable.

        Args:
            x: address of the activation.
            y: address of the variable's values.
        """

    @abstractmethod
    def backward(self, g: int, gradient: int, add: bool) -> None:
        """Read the gradient of nnabla's variable.

        Args:
            g: address of the variable's gradient.
            gradient: address of the activation's gradient.
            add: whether to add to what is there.
        """
