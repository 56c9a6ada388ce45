"""Whether the network that is being built is made of the forms for the CPU."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar, Token
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import nnabla as nn

from nnabla_nas.function.form import fast_on_cpu

if TYPE_CHECKING:
    from nnabla_nas.function.cpu.building import Builder

T = TypeVar("T")

_builder: ContextVar[Any] = ContextVar("nnabla_nas_builder", default=None)


@cache
def has_compiler() -> bool:
    """Return whether numba, which compiles the kernels, is installed."""
    return importlib.util.find_spec("numba") is not None


class Building:
    """The span in which a network is built; of nested ones the outermost counts.

    What one fast form leaves for the next, such as its layout in memory, lasts as long. Variables
    that are to have values behind it are said: all others that were made in it have none.

    Args:
        allowed: whether all that takes part reads activations through the functions here alone.
    """

    _token: Token[Any] | None = None

    def __init__(self, allowed: Callable[[], bool]) -> None:
        self._allowed = allowed
        self._wanted: list[Any] = []

    def __enter__(self) -> Building:
        if _builder.get() is not None:
            return self
        if self._allowed() and fast_on_cpu() and has_compiler() and not nn.get_auto_forward():
            from nnabla_nas.function.cpu.building import Builder
            from nnabla_nas.function.cpu.readiness import make_ready

            make_ready()
            self._token = _builder.set(Builder())
        else:
            self._token = _builder.set(False)
        return self

    def wants(self, values: T, kept: Callable[[], Iterable[nn.Variable]] | None = None) -> T:
        """Say which variables are to have values when the network is complete.

        Args:
            values: a variable; or lists, tuples and dictionaries of them, and of anything else.
            kept: returns further ones.

        Returns:
            The values.
        """
        if self._token is not None and _builder.get():
            self._wanted += [values, () if kept is None else list(kept())]
        return values

    def __exit__(self, *error: object) -> None:
        if self._token is None:
            return
        found = _builder.get()
        _builder.reset(self._token)
        if found and error[0] is None:
            found.connect(_variables([*self._wanted, found.kept]))


def _variables(values: Any) -> Iterator[nn.Variable]:
    """Yield the variables in lists, tuples, sets and dictionaries."""
    if isinstance(values, nn.Variable):
        yield values
    elif isinstance(values, Mapping):
        yield from _variables(list(values.values()))
    elif isinstance(values, (list, tuple, set, frozenset)):
        for value in values:
            yield from _variables(value)


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


def keep(x: nn.Variable) -> nn.Variable:
    """Return x, which somebody reads when the network is complete.

    The outputs of a network have their values then, and what its modules keep as attributes, in
    lists and dictionaries too. What is kept elsewhere must be said.

    Args:
        x: an activation.
    """
    found = _builder.get()
    if found:
        found.kept.append(x)
    return x
