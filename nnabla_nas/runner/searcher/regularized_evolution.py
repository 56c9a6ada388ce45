"""Regularised evolution: mutate the best of some young architectures.

Source: Real et al., "Regularized Evolution for Image Classifier Architecture Search", 2019,
algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from nnabla_nas.runner.candidates import Candidate, best_of
from nnabla_nas.runner.searcher.judging import JudgingSearcher
from nnabla_nas.search_space.encoding import Code


class RegularizedEvolutionSearcher(JudgingSearcher):
    """Draws some of the youngest architectures, and changes one variable of the best of them.

    Args:
        population: how many of the youngest may become parents; so many are drawn uniformly first.
        sample: how many of them compete to be the parent.
    """

    def __init__(
        self,
        *args: Any,
        population: Annotated[int, Field(ge=1)] = 20,
        sample: Annotated[int, Field(ge=1)] = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.population = population
        self.sample = sample

    def propose(self, judged: Sequence[Candidate], rng: np.random.Generator) -> Code:
        """Return a child of the best of a sample of the population.

        Args:
            judged: all that was judged so far, in order.
            rng: where sample and mutation are drawn from.
        """
        if len(judged) < self.population:
            return self.encoding.random(rng)
        young = judged[-self.population :]
        drawn = rng.choice(len(young), size=min(self.sample, len(young)), replace=False)
        parent = best_of([young[index] for index in drawn])
        children = self.encoding.neighbours(parent.code)
        return children[int(rng.integers(len(children)))] if children else parent.code
