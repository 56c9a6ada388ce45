"""Proposals by Optuna's samplers, through ask and tell in memory."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from nnabla_nas.runner.candidates import Candidate
from nnabla_nas.runner.searcher.judging import JudgingSearcher
from nnabla_nas.search_space.encoding import Code

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler


class OptunaSearcher(JudgingSearcher):
    """Has a sampler of Optuna propose.

    Every proposal has a sampler of its own, seeded for it, and the study holds what was judged:
    nothing else is remembered, so a search that goes on proposes what it would have.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._study: Study | None = None
        self._told = 0
        self._names = [f"{position:04}" for position in range(len(self.encoding.sizes))]

    @abstractmethod
    def sampler(self, seed: int) -> BaseSampler:
        """Return a new sampler.

        Args:
            seed: of this proposal.
        """

    def n_objectives(self) -> int:
        """Return how many objectives there are."""
        return 1

    def objectives(self, candidate: Candidate) -> list[float]:
        """Return what is minimised.

        Args:
            candidate: an architecture that was judged.
        """
        return [candidate.loss]

    def attributes(self, number: int) -> dict[str, Any]:
        """Return what the sampler wants to know of an architecture besides.

        Args:
            number: how many were judged before.
        """
        return {}

    def propose(self, judged: Sequence[Candidate], rng: np.random.Generator) -> Code:
        """Return what the sampler proposes.

        Args:
            judged: all that was judged so far, in order.
            rng: where the sampler's seed is drawn from.
        """
        from optuna.trial import TrialState

        with _quiet():
            study = self._told_study(judged)
            study.sampler = self.sampler(int(rng.integers(2**31)))
            distributions = self._distributions()
            open_ones = {k: one for k, one in distributions.items() if not one.single()}
            # A new sampler would look through all trials for what they have in common.
            study.sampler.infer_relative_search_space = (  # type: ignore[method-assign]
                lambda study, trial: open_ones
            )
            trial = study.ask(distributions)
            # Whether it is judged is not known here; samplers pass over trials that failed.
            study.tell(trial, state=TrialState.FAIL)
        return tuple(int(trial.params[name]) for name in self._names)

    def _told_study(self, judged: Sequence[Candidate]) -> Study:
        """Return the study, told of all that was judged."""
        import optuna

        if self._study is None:
            self._study = optuna.create_study(directions=["minimize"] * self.n_objectives())
        for number in range(self._told, len(judged)):
            self._study.add_trial(self._trial(judged[number], number))
        self._told = len(judged)
        return self._study

    def _trial(self, candidate: Candidate, number: int) -> Any:
        from optuna.trial import TrialState, create_trial

        values, epochs = self.objectives(candidate), candidate.judgement.epochs
        outcome: dict[str, Any] = {"values": values}
        if epochs < self.evaluator.longest and len(values) == 1:
            # Successive halving has stopped it early: its loss is no match for the others'.
            outcome = {"state": TrialState.PRUNED, "intermediate_values": {epochs: values[0]}}
        return create_trial(
            params=dict(zip(self._names, candidate.code, strict=True)),
            distributions=self._distributions(),
            system_attrs=self.attributes(number),
            **outcome,
        )

    def _distributions(self) -> dict[str, Any]:
        from optuna.distributions import CategoricalDistribution

        return {
            name: CategoricalDistribution(range(size))
            for name, size in zip(self._names, self.encoding.sizes, strict=True)
        }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's log and its warnings about experimental features from the user."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
