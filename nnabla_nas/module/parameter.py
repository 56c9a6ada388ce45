"""The learnable (or running) arrays of a module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import nnabla as nn
import numpy as np

Initializer = Callable[[Sequence[int]], np.ndarray]


class Parameter(nn.Variable):  # type: ignore[misc]
    """An array that belongs to a module.

    Args:
        shape: the array's shape.
        need_grad: whether it is trained.
        initializer: None for zeros, an array of this shape, or a callable that takes the shape.

    Raises:
        ValueError: if the array's shape differs, or the initializer is something else.
    """

    def __new__(
        cls,
        shape: Sequence[int],
        need_grad: bool = True,
        initializer: np.ndarray | Initializer | None = None,
    ) -> Parameter:
        return super().__new__(cls, tuple(shape), need_grad)  # type: ignore[no-any-return]

    def __init__(
        self,
        shape: Sequence[int],
        need_grad: bool = True,
        initializer: np.ndarray | Initializer | None = None,
    ) -> None:
        self.trainable = need_grad
        if initializer is None:
            self.data.zero()
            return
        value: Any
        if isinstance(initializer, np.ndarray):
            value = initializer
        elif callable(initializer):
            value = np.asarray(initializer(tuple(shape)))
        else:
            raise ValueError(
                "initializer must be None, a numpy array or a callable that takes a shape, "
                f"got {type(initializer).__name__}"
            )
        if value.shape != self.shape:
            raise ValueError(f"initializer has shape {value.shape}, the parameter {self.shape}")
        self.d = value.astype(np.float32)

    def __repr__(self) -> str:
        return f"Parameter(shape={self.shape}, need_grad={self.need_grad})"
