"""Memory that functions share: scratch space, and what is kept for a backward pass."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Lock
from typing import Protocol
from weakref import WeakValueDictionary

import numpy as np

_keeping: ContextVar[bool] = ContextVar("nnabla_nas_keeps_for_backward", default=True)
_sharing: ContextVar[set[Keeper] | None] = ContextVar("nnabla_nas_same_inputs", default=None)
_releasing: ContextVar[bool] = ContextVar("nnabla_nas_last_backward", default=False)


class Buffer:
    """A piece of memory for float32 values.

    Args:
        size: number of values.

    Attributes:
        address: where it lies.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._array = np.empty(size, np.float32)
        self.address: int = self._array.ctypes.data


# Lists of buffers are taken from and added to by one operation each: several threads may do so.
_free: dict[int, list[Buffer]] = defaultdict(list)
_adding_a_size = Lock()
# The sizes there are buffers of, in order.
_sizes: list[int] = []
# A buffer may be so many times as large as what is asked for: candidates differ in size, and one
# for each size of each would be more than a step ever needs at once.
_LOOSE = 2


def take(size: int) -> Buffer:
    """Return a buffer of at least a size, whose contents are anything.

    Args:
        size: number of values.
    """
    first = bisect_left(_sizes, size)
    for known in _sizes[first : bisect_right(_sizes, _LOOSE * size)]:
        with suppress(IndexError):
            return _free[known].pop()
    with _adding_a_size:
        first = bisect_left(_sizes, size)
        if first == len(_sizes) or _sizes[first] != size:
            _sizes.insert(first, size)
    return Buffer(size)


def give(buffer: Buffer) -> None:
    """Let others use a buffer.

    Args:
        buffer: what `take` returned.
    """
    _free[buffer.size].append(buffer)


class Keeper(Protocol):
    """What keeps a buffer from its forward to its backward pass."""

    def forget(self) -> None:
        """Give the buffer back."""


class Passes:
    """The passes of one graph, and what is kept between them.

    Passes of other graphs in between, forward or backward, change nothing here.
    """

    def __init__(self) -> None:
        # Weak: what is dropped between its two passes takes its buffer with it.
        self._keepers: WeakValueDictionary[int, Keeper] = WeakValueDictionary()
        self._open = False

    def add(self, keeper: Keeper) -> None:
        """Note what keeps a buffer, until it is told to forget it or says that it did.

        Args:
            keeper: what keeps it.
        """
        self._keepers[id(keeper)] = keeper

    def remove(self, keeper: Keeper) -> None:
        """Note that a buffer is not kept any more.

        Args:
            keeper: what kept it.
        """
        self._keepers.pop(id(keeper), None)

    def forget(self) -> None:
        """Give back all that is kept."""
        for keeper in list(self._keepers.values()):
            keeper.forget()

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Keep what the block's forward pass keeps for the backward pass of this graph."""
        token = _passes.set(self)
        try:
            yield
        finally:
            _passes.reset(token)
        self._open = True

    @contextmanager
    def last_backward(self) -> Iterator[None]:
        """Give back what is kept in the course of the block's backward pass: no other one follows.

        Raises:
            RuntimeError: if there was no forward pass since the last one.
        """
        if not self._open:
            raise RuntimeError("a backward pass needs a forward pass of the same graph before it")
        self._open = False
        with _all_given_back(self):
            yield


# Those of graphs that nobody made any for.
_OTHERS = Passes()
_passes: ContextVar[Passes] = ContextVar("nnabla_nas_passes", default=_OTHERS)


def keep(keeper: Keeper) -> Passes:
    """Note that a buffer is kept.

    Args:
        keeper: what keeps it, until it is told to forget it or says that it did.

    Returns:
        The passes that keep it.
    """
    passes = _passes.get()
    passes.add(keeper)
    return passes


@contextmanager
def last_backward() -> Iterator[None]:
    """Give back what is kept in the course of the block's backward pass: no other one follows.

    It is for graphs that nobody made `Passes` for: they share these.
    """
    with _all_given_back(_passes.get()):
        yield


@contextmanager
def _all_given_back(passes: Passes) -> Iterator[None]:
    token = _releasing.set(True)
    try:
        yield
    finally:
        _releasing.reset(token)
    # What nobody needed the gradient of was not run.
    passes.forget()


def releases() -> bool:
    """Return whether the backward pass that runs is the last one."""
    return _releasing.get()


@contextmanager
def without_backward() -> Iterator[None]:
    """Keep nothing for a backward pass in the block: its forward passes have none."""
    token, passes = _keeping.set(False), _passes.set(Passes())
    try:
        yield
    finally:
        _passes.get().forget()
        _passes.reset(passes)
        _keeping.reset(token)


def keeps_for_backward() -> bool:
    """Return whether a forward pass may be followed by a backward pass."""
    return _keeping.get()


@contextmanager
def same_inputs() -> Iterator[None]:
    """Compute once what the block's forward passes share; none is followed by a backward pass.

    They differ in choices alone: inputs and parameters stay what they are.
    """
    keepers: set[Keeper] = set()
    token = _sharing.set(keepers)
    try:
        with without_backward():
            yield
    finally:
        _sharing.reset(token)
        for keeper in keepers:
            keeper.forget()


def shares(keeper: Keeper) -> bool:
    """Return whether passes have the same inputs; note then what keeps something between them.

    Args:
        keeper: what is told to forget it when they end.
    """
    keepers = _sharing.get()
    if keepers is not None:
        keepers.add(keeper)
    return keepers is not None
