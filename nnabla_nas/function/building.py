"""Whether the network that is being built is made of the forms for the CPU."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from functools import cache
from typing import TYPE_CHECKING, Any

import nnabla as nn

from nnabla_nas.function.form import fast_on_cpu

if TYPE_CHECKING:
    from nnabla_nas.function.cpu.building import Builder

_builder: ContextVar[Any] = ContextVar("nnabla_nas_builder", default=None)


@cache
def has_compiler() -> bool:
    """Return whether numba, which compiles the kernels, is installed."""
    return importlib.util.find_spec("numba") is not None


class Building:
    """The span in which a network is built; of nested ones the outermost counts.

    What one fast form leaves for the next, such as its layout in memory, lasts as long.

    Args:
        allowed: whether all that takes part reads activations through the functions here alone.
    """

    _token: Token[Any] | None = None

    def __init__(self, allowed: Callable[[], bool]) -> None:
        self._allowed = allowed

    def __enter__(self) -> None:
        if _builder.get() is not None:
            return
        if self._allowed() and fast_on_cpu() and has_compiler() and not nn.get_auto_forward():
            from nnabla_nas.function.cpu.building import Builder
            from nnabla_nas.function.cpu.readiness import make_ready

            make_ready()
            self._token = _builder.set(Builder())
        else:
            self._token = _builder.set(False)

    def __exit__(self, *error: object) -> None:
        if self._token is None:
            return
        found = _builder.get()
        _builder.reset(self._token)
        if found and error[0] is None:
            found.connect()


def builder(*inputs: nn.Variable) -> Builder | None:
    """Return what builds fast forms, or None where nnabla's own functions are to be used.

    Kernels check no shape. What does not fit them is left to nnabla's functions, which compute it
    or say what is wrong.

    Args:
        inputs: what the function is applied to; fast forms are for (B, C, H, W).
    """
    found = _builder.get()
    if not found or not fast_on_cpu() or any(x.ndim != 4 for x in inputs):
        return None
    return found  # type: ignore[no-any-return]


def have_one_shape(inputs: Sequence[nn.Variable]) -> bool:
    """Return whether all inputs have the same shape.

    Args:
        inputs: variables.
    """
    return len({x.shape for x in inputs}) == 1


def connected(x: nn.Variable) -> nn.Variable:
    """Return x as nnabla's own functions can take it.

    Args:
        x: an activation.
    """
    found = _builder.get()
    return found.front(x) if found else x  # type: ignore[no-any-return]


def hand_on(x: nn.Variable) -> nn.Variable:
    """Return x, noting that nobody but the next function reads it.

    Args:
        x: the output of one of several modules in sequence.
    """
    found = _builder.get()
    if found and isinstance(x, nn.Variable):
        found.hand_on(x)
    return x
