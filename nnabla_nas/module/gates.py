"""Binary gates: two sampled candidates of a choice, of which one is open."""

from __future__ import annotations

from collections.abc import Sequence

import nnabla as nn
import numpy as np

import nnabla_nas.function as function


class Gates:
    """The gates in front of a choice's candidates; their values are inputs of the graph.

    The choice's output is Σ g_k · o_k over the sampled candidates alone: the others are run in
    neither direction.
    Source: Cai et al., "ProxylessNAS", 2019, section 3.2 and the two paths of its section 3.2.1.

    Args:
        n_candidates: how many candidates the choice has.

    Attributes:
        sampled: indices of the candidates that are computed.
    """

    def __init__(self, n_candidates: int) -> None:
        self._values = [nn.Variable((1, 1), need_grad=True) for _ in range(n_candidates)]
        self._mixtures: list[function.Switch] = []
        self.set([0], [1.0])

    def mix(self, branches: Sequence[nn.Variable]) -> nn.Variable:
        """Return the sum of the sampled branches, each multiplied by its gate.

        Args:
            branches: one variable per candidate, all of one shape.

        Returns:
            That shape.
        """
        pairs = zip(branches, self._values, strict=True)
        mixture = function.choose([function.gate(branch, value) for branch, value in pairs], 0)
        self._mixtures.append(function.switch(mixture))
        self._mixtures[-1].set_active(*self.sampled)
        return mixture

    def set(self, sampled: Sequence[int], values: Sequence[float]) -> None:
        """Compute other candidates from the next forward pass on, and forget the gradients.

        Args:
            sampled: their indices.
            values: the value of the gate of each.
        """
        self.sampled = [int(index) for index in sampled]
        for index, value in zip(self.sampled, values, strict=True):
            self._values[index].d = value
            self._values[index].grad.zero()
        for mixture in self._mixtures:
            mixture.set_active(*self.sampled)

    def gradient(self) -> np.ndarray:
        """Return ∂L/∂g of the sampled candidates, summed over the backward passes since `set`."""
        return np.array([float(self._values[index].g[0, 0]) for index in self.sampled])
