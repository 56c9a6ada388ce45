"""Local search: go to a better neighbour until there is none, then start anew.

Source: White et al., "Exploring the Loss Landscape in Neural Architecture Search", 2021,
algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnabla_nas.runner.candidates import Candidate
from nnabla_nas.runner.searcher.judging import JudgingSearcher
from nnabla_nas.search_space.encoding import Code


class LocalSearcher(JudgingSearcher):
    """Judges the neighbours of an architecture in random order, and goes to the first better one.

    Neighbours differ in one variable. Where none is better, the search starts anew at a random
    architecture.
    """

    def propose(self, judged: Sequence[Candidate], rng: np.random.Generator) -> Code:
        """Return a neighbour of where the search stands, or a new start.

        Args:
            judged: all that was judged so far, in order.
            rng: where neighbours and starts are drawn from.
        """
        left = self._left_to_judge(judged)
        return left[int(rng.integers(len(left)))] if left else self.encoding.random(rng)

    def _left_to_judge(self, judged: Sequence[Candidate]) -> list[Code]:
        """Follow the search to where it stands; return the neighbours it has not judged there."""
        seen: set[Code] = set()
        left: set[Code] = set()
        here: Candidate | None = None
        for one in judged:
            seen.add(one.code)
            if here is None or not left or one.rank < here.rank:
                here = one
                left = {c for c in self.encoding.neighbours(one.code) if self.allowed.admits(c)}
            left -= seen
        return sorted(left)
