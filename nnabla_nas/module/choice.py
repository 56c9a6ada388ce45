"""A decision of an architecture: which of several candidates is computed."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from nnabla_nas import random
from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Parameter


class Choice(Module):
    """A module that chooses between candidates by an architecture parameter.

    Attributes:
        names: what the candidates are called in arch.json and drawings.
    """

    names: list[str]
    _rng: Any = None

    @property
    @abstractmethod
    def alpha(self) -> Parameter:
        """The architecture parameter; one value per candidate."""

    @property
    @abstractmethod
    def active(self) -> int:
        """Index of the candidate that is computed; set it to compute another."""

    @active.setter
    @abstractmethod
    def active(self, index: int) -> None: ...

    @property
    def probabilities(self) -> np.ndarray:
        """softmax(alpha), shape (candidates,)."""
        alpha = self.alpha.d.reshape(-1).astype(np.float64)
        exponentials = np.exp(alpha - alpha.max())
        return np.asarray(exponentials / exponentials.sum())

    def draw(self) -> int:
        """Draw a candidate from the probabilities and make it the active one.

        Returns:
            Its index.
        """
        generator = random.current().stream("sampling") if self._rng is None else self._rng
        cumulative = np.cumsum(self.probabilities)
        index = int(np.searchsorted(cumulative, generator.random() * cumulative[-1], "right"))
        self.active = min(index, len(cumulative) - 1)
        return self.active
