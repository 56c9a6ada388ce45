"""Dropout, with masks from the run's random stream."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_nas import random
from nnabla_nas.module.random_input import RandomInput


class Dropout(RandomInput):
    """Zero each value with a probability while training and scale the rest by 1 / (1 − p).

    The mask is an input of the graph. `refill` draws it anew; runners do so before every training
    pass, so that randomness has one source and can be resumed.
    Source: Srivastava et al., "Dropout", 2014.

    Args:
        drop_prob: probability p of being zeroed, 0 ≤ p < 1.

    Raises:
        ValueError: if p is out of range.
    """

    def __init__(self, drop_prob: float = 0.5) -> None:
        if not 0 <= drop_prob < 1:
            raise ValueError(f"drop_prob must be in [0, 1), got {drop_prob}")
        self._drop_prob = drop_prob
        self._masks: list[nn.Variable] = []

    def call(self, x: nn.Variable) -> nn.Variable:
        """Multiply by a mask in training, return the input otherwise.

        Args:
            x: any shape.
        """
        if not self.training or self._drop_prob == 0:
            return x
        mask = nn.Variable(x.shape)
        self._masks.append(mask)
        self._draw(mask)
        return F.mul2(x, mask)

    def refill(self) -> None:
        """Draw new masks for every graph built so far from the stream `dropout`."""
        for mask in self._masks:
            self._draw(mask)

    def _draw(self, mask: nn.Variable) -> None:
        uniform = random.current().stream("dropout").random(mask.shape, dtype=np.float32)
        mask.d = (uniform >= self._drop_prob) / np.float32(1 - self._drop_prob)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"drop_prob={self._drop_prob}"
