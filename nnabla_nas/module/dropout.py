"""Dropout, with masks from the run's random stream."""

from __future__ import annotations

import nnabla as nn

from nnabla_nas.module.random_mask import RandomMask


class Dropout(RandomMask):
    """Zero each value with a probability while training and scale the rest by 1 / (1 − p).

    Source: Srivastava et al., "Dropout", 2014.

    Args:
        drop_prob: probability p of being zeroed, 0 ≤ p < 1.

    Raises:
        ValueError: if p is out of range.
    """

    stream = "dropout"

    def __init__(self, drop_prob: float = 0.5) -> None:
        super().__init__(drop_prob)

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the input's shape: every value is dropped on its own.

        Args:
            shape: the input's.
        """
        return shape

    def call(self, x: nn.Variable) -> nn.Variable:
        """Multiply by a mask in training, return the input otherwise.

        Args:
            x: any shape.
        """
        return x if self.drop_prob == 0 else super().call(x)
