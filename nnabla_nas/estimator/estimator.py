"""What every estimator answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from nnabla_nas.search_space.model import Model


class Estimator(ABC):
    """Estimates a cost of the active architecture.

    Attributes:
        unit: what the number counts.
    """

    unit: str

    @abstractmethod
    def estimate(self, model: Model, input_shape: Sequence[int]) -> float:
        """Return the cost of the active architecture, fixed layers included.

        Args:
            model: the network.
            input_shape: (C, H, W) of one example.

        Returns:
            The cost in `unit`.
        """
