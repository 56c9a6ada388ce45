"""A function as a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnabla_nas.module.module import Module


class Lambda(Module):
    """Apply a function, so that it can stand in a Sequential.

    Args:
        func: takes variables and returns variables; it must not make parameters.

    Raises:
        TypeError: if it cannot be called.
    """

    def __init__(self, func: Callable[..., Any]) -> None:
        if not callable(func):
            raise TypeError(f"func must be callable, got {type(func).__name__}")
        self._func = func

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the function.

        Args:
            args: the function's arguments.
            kwargs: likewise, by name.
        """
        return self._func(*args, **kwargs)

    def extra_repr(self) -> str:
        """Return the function's name."""
        return getattr(self._func, "__name__", type(self._func).__name__)
