"""What every candidate of a super-network costs, so that an architecture is costed by adding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnabla_nas.search_space.decision import Decision, computed

Floats = npt.NDArray[np.float64]


class Costs(ABC):
    """What is known of the costs of all architectures of a super-network."""

    @abstractmethod
    def total(self, indices: Sequence[int | None]) -> float:
        """Return the cost of an architecture.

        Args:
            indices: per choice its candidate, None where the architecture drops the choice.
        """

    @abstractmethod
    def sampled(self, indices: Sequence[int]) -> float:
        """Return the cost of a sampled path.

        Args:
            indices: per choice the candidate drawn.
        """

    @abstractmethod
    def expected(self, probabilities: Sequence[Floats]) -> float:
        """Return the expected cost of an architecture drawn from independent choices.

        Args:
            probabilities: per choice those of its candidates, (candidates,).
        """

    @abstractmethod
    def gradient(self, probabilities: Sequence[Floats]) -> list[Floats]:
        """Return the derivative of the expected cost by the logits of every choice.

        Args:
            probabilities: per choice those of its candidates, the softmax of its logits.

        Returns:
            Per choice (candidates,).
        """


@dataclass(frozen=True)
class CostTable(Costs):
    """The cost of what all architectures share, and of every candidate of every choice.

    Args:
        fixed: the cost of the layers that every architecture has.
        candidates: per choice the cost of each of its candidates, (candidates,).
        shares: per choice the share of decoded architectures that compute its operation.
        decisions: what decoding decides, where architectures compute a part of what they keep.
    """

    fixed: float
    candidates: tuple[Floats, ...]
    shares: tuple[float, ...]
    decisions: tuple[Decision, ...] = ()

    def total(self, indices: Sequence[int | None]) -> float:
        """Return the cost of an architecture.

        Args:
            indices: per choice its candidate, None where the architecture drops the choice.
        """
        pairs = zip(self.candidates, computed(self.decisions, indices), strict=True)
        return self.fixed + sum(float(costs[i]) for costs, i in pairs if i is not None)

    def sampled(self, indices: Sequence[int]) -> float:
        """Return the cost of a sampled path, each choice counted by its share.

        Args:
            indices: per choice the candidate drawn.
        """
        rows = zip(self.shares, self.candidates, indices, strict=True)
        return self.fixed + sum(share * float(costs[i]) for share, costs, i in rows)

    def expected(self, probabilities: Sequence[Floats]) -> float:
        """Return the expected cost of an architecture drawn from independent choices.

        Args:
            probabilities: per choice those of its candidates, (candidates,).
        """
        rows = zip(self.shares, self.candidates, probabilities, strict=True)
        return self.fixed + sum(share * float(costs @ p) for share, costs, p in rows)

    def gradient(self, probabilities: Sequence[Floats]) -> list[Floats]:
        """Return the derivative of the expected cost by the logits of every choice.

        dE/dα_i = share · p_i (cost_i − Σ_k p_k cost_k).

        Args:
            probabilities: per choice those of its candidates, the softmax of its logits.

        Returns:
            Per choice (candidates,).
        """
        rows = zip(self.shares, self.candidates, probabilities, strict=True)
        return [share * p * (costs - float(costs @ p)) for share, costs, p in rows]
