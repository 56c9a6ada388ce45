"""Multiplying by random masks, which come from a stream of the run."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import nnabla as nn
import nnabla.functions as F
import numpy as np

import nnabla_nas.function as function
from nnabla_nas import random
from nnabla_nas.module.random_input import RandomInput


class RandomMask(RandomInput):
    """Zero parts of the input with a probability while training, scale the rest by 1 / (1 − p).

    The mask is an input of the graph. `refill` draws it anew; runners do so before every training
    pass, so that randomness has one source and can be resumed. Each call has a mask of its own.

    Args:
        drop_prob: probability p of being zeroed, 0 ≤ p < 1.

    Attributes:
        drop_prob: the probability from the next `refill` on.
        stream: the name of the random stream.

    Raises:
        ValueError: if p is out of range.
    """

    stream: ClassVar[str]

    def __init__(self, drop_prob: float) -> None:
        if not 0 <= drop_prob < 1:
            raise ValueError(f"drop_prob must be in [0, 1), got {drop_prob}")
        self.drop_prob = drop_prob
        self._masks: list[nn.Variable] = []

    @abstractmethod
    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the mask's shape, 1 where the parts extend along an axis.

        Args:
            shape: the input's.
        """

    def call(self, x: nn.Variable) -> nn.Variable:
        """Multiply by a mask in training, return the input otherwise.

        Args:
            x: (B, …).
        """
        if not self.training:
            return x
        mask = nn.Variable(self.mask_shape(x.shape))
        self._masks.append(mask)
        self._draw(mask)
        if mask.size == x.shape[0]:
            return function.scale_examples(x, mask)
        return F.mul2(function.connected(x), mask)

    def refill(self) -> None:
        """Draw new masks for every graph built so far."""
        for mask in self._masks:
            self._draw(mask)

    def _draw(self, mask: nn.Variable) -> None:
        uniform = random.current().stream(self.stream).random(mask.shape, dtype=np.float32)
        mask.d = (uniform >= self.drop_prob) / np.float32(1 - self.drop_prob)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"drop_prob={self.drop_prob}"
