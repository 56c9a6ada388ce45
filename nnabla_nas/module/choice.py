"""A decision of an architecture: which of several candidates is computed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import nnabla as nn
import numpy as np

import nnabla_nas.function as function
from nnabla_nas import random
from nnabla_nas.module.gates import Gates
from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Parameter


def most_probable(alpha: np.ndarray) -> int:
    """Return the candidate of largest probability, the first one of equals.

    Alphas are compared, not their softmax: that makes equals of what differs by little.

    Args:
        alpha: the values of an architecture parameter, one per candidate, of any shape.
    """
    return int(np.argmax(alpha))


class Choice(Module):
    """A module that mixes candidates by an architecture parameter, or computes one of them.

    In the modes `sample` and `max` every candidate is built once and a mask decides which one is
    computed, so another architecture costs no new graph. A graph lives as long as this module.

    Attributes:
        modes: how the candidates are put together: the softmax(alpha)-weighted sum; the candidate
            `active`, set from outside; the candidate of largest alpha.
        names: what the candidates are called in arch.json and drawings.
        gates: what stands in front of the candidates where `gated` is set.
    """

    modes: tuple[str, str, str] = ("full", "sample", "max")
    names: list[str]

    def _start_choice(self, names: Sequence[str], mode: str, rng: Any = None) -> None:
        """Prepare a choice whose `alpha` is set.

        Args:
            names: what the candidates are called.
            mode: one of `modes`.
            rng: generator for `draw`; by default the run's stream `sampling`.

        Raises:
            ValueError: for another mode, or an alpha of another size.
        """
        if mode not in self.modes:
            raise ValueError(f"mode must be one of {', '.join(self.modes)}; got '{mode}'")
        if self.alpha.size != len(names):
            raise ValueError(f"alpha has {self.alpha.size} values for {len(names)} candidates")
        self.names = list(names)
        self._mode = mode
        self._rng = rng
        self._active = self.most_probable if mode == self.modes[2] else 0
        self._chosen: list[function.Switch] = []
        self.gates = Gates(len(self.names))

    @property
    @abstractmethod
    def alpha(self) -> Parameter:
        """The architecture parameter; one value per candidate."""

    @property
    def mode(self) -> str:
        """One of `modes`."""
        return self._mode

    @property
    def weighted(self) -> bool:
        """Whether all candidates are computed and their weighted sum is taken."""
        return self._mode == self.modes[0]

    @property
    def active(self) -> int:
        """Index of the candidate that is computed; where all are, of the one to be chosen."""
        return self._active

    @active.setter
    def active(self, index: int) -> None:
        if not 0 <= index < len(self.names):
            raise ValueError(f"active must be in [0, {len(self.names) - 1}], got {index}")
        self._active = int(index)
        for chosen in self._chosen:
            chosen.set_active(self._active)

    def follow_alpha(self) -> None:
        """In mode `max`, make the candidate of largest alpha the active one."""
        if self._mode == self.modes[2] and not self.active_only:
            self.active = self.most_probable

    @property
    def alone(self) -> bool:
        """Whether the graph that is built next holds the active candidate alone."""
        # Where functions run as they are made there is nothing to switch later.
        return self.active_only or (not self.weighted and nn.get_auto_forward())

    @property
    def probabilities(self) -> np.ndarray:
        """softmax(alpha), shape (candidates,)."""
        alpha = self.alpha.d.reshape(-1).astype(np.float64)
        exponentials = np.exp(alpha - alpha.max())
        return np.asarray(exponentials / exponentials.sum())

    @property
    def most_probable(self) -> int:
        """Index of the candidate of largest probability, the first one of equals."""
        return most_probable(self.alpha.d)

    def draw(self) -> int:
        """Draw a candidate from the probabilities and make it the active one.

        Returns:
            Its index.
        """
        self.active = self._drawn(self.probabilities)
        return self.active

    def draw_pair(self) -> list[int]:
        """Draw two different candidates and open the gate of one of them.

        The first is drawn from the probabilities, the second from those of the others, the open
        one from those of the two alone.

        Returns:
            The indices of the two, the open one first; of the only candidate where there is one.
        """
        probabilities = self.probabilities
        first = self._drawn(probabilities)
        others = [index for index in range(len(probabilities)) if index != first]
        if not others:
            self.gates.set([first], [1.0])
            return [first]
        pair = [first, others[self._drawn(probabilities[others])]]
        if self._drawn(probabilities[pair]) == 1:
            pair.reverse()
        self.gates.set(pair, [1.0, 0.0])
        return pair

    def _drawn(self, weights: np.ndarray) -> int:
        generator = random.current().stream("sampling") if self._rng is None else self._rng
        cumulative = np.cumsum(weights)
        index = int(np.searchsorted(cumulative, generator.random() * cumulative[-1], "right"))
        return min(index, len(cumulative) - 1)

    def combine(self, candidates: Sequence[Callable[[], nn.Variable]]) -> nn.Variable:
        """Return the mixture of the candidates, the gated ones, or the active one.

        Args:
            candidates: what builds each candidate's output; all outputs have one shape.
        """
        self.follow_alpha()
        if self.listing is not None:
            listed = [build() for build in candidates]
            picked = function.choose(listed, self._active)
            self.listing.append((self, listed, picked))
            return picked
        if self.alone:
            return candidates[self._active]()
        branches = [build() for build in candidates]
        if self.gated:
            return self.gates.mix(branches)
        if self.weighted:
            return function.mix(branches, self.alpha)
        chosen = function.choose(branches, self._active)
        self._chosen.append(function.switch(chosen))
        return chosen

    def extra_repr(self) -> str:
        """Return the mode."""
        return f"mode={self._mode}"
