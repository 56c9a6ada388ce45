"""NSGA-II: a population that approaches the front of error against each cost.

Source: Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", 2002.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from nnabla_nas.runner.candidates import Candidate
from nnabla_nas.runner.searcher.optuna_search import OptunaSearcher

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class NsgaSearcher(OptunaSearcher):
    """Searches for architectures that are best for their cost; pareto.csv holds them.

    Args:
        population: architectures of a generation.
    """

    def __init__(
        self, *args: Any, population: Annotated[int, Field(ge=2)] = 20, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.population = population
        self._keys = [one.key for one in self.constraints] or list(self.allowed.units)

    def n_objectives(self) -> int:
        """Return how many objectives there are."""
        return 1 + len(self._keys)

    def objectives(self, candidate: Candidate) -> list[float]:
        """Return the error and what every constraint bounds; without one multiply-adds.

        Args:
            candidate: an architecture that was judged.
        """
        return [candidate.error, *(candidate.costs[key] for key in self._keys)]

    def sampler(self, seed: int) -> BaseSampler:
        """Return what crosses and mutates the best of the generations before.

        Args:
            seed: of this proposal.
        """
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(population_size=self.population, seed=seed)

    def attributes(self, number: int) -> dict[str, Any]:
        """Return the generation that an architecture belongs to, as the sampler wants to know it.

        Args:
            number: how many were judged before.
        """
        from optuna.samplers import NSGAIISampler

        return {NSGAIISampler._get_generation_key(): number // self.population}
