"""Searches that propose whole architectures and have each of them judged."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from math import prod
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from nnabla_nas.artifact.progress import Phase
from nnabla_nas.artifact.result import retrain_command
from nnabla_nas.config.evaluator_arguments import EvaluatorOption, build_evaluator
from nnabla_nas.config.faults import Fault, got
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.runner.candidates import Candidate, CandidatesFile, Judgement, best_of
from nnabla_nas.runner.evaluator.evaluator import Evaluator
from nnabla_nas.runner.expected_end import ExpectedEnd
from nnabla_nas.runner.judged_pareto import draw_judged_pareto, write_judged_pareto
from nnabla_nas.runner.runner import Runner
from nnabla_nas.runner.searcher.allowed import Allowed
from nnabla_nas.search_space.encoding import Code, Encoding

_BOUND_NOT_MET = 3
# So many proposals are asked for, of which so many may be judged already; then so many steps are
# taken from the last one.
_DRAWS, _REPEATS, _STEPS = 50, 5, 50


class ExhaustedError(Exception):
    """No architecture was found that is within the bounds and was not judged yet."""


class JudgingSearcher(Runner):
    """Proposes architectures and has each of them judged; an update is one architecture.

    candidates.csv, what was judged, is all the state there is: a proposal depends on it, on its
    number and on the seed.

    Args:
        evaluations: architectures that are judged, none of them twice; dealt out over the epochs.
        evaluator: what judges them: a registered evaluator's name, or an object with its options.
    """

    searches = True
    modes = ("sample",)
    phases = ()

    def __init__(
        self,
        *args: Any,
        evaluations: Annotated[int, Field(ge=1)] = 200,
        evaluator: EvaluatorOption = "Train",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.encoding = Encoding(self.model)
        assert isinstance(evaluator, dict), "completed"
        self.evaluator: Evaluator = build_evaluator(evaluator, self, self.encoding)
        self.allowed = Allowed(self.encoding, self.model, self.constraints, self.input_shape)
        self._check_soft_bounds()
        for line in self.allowed.excess():
            self.monitor.once(line)
        available = self.allowed.count()
        self.evaluations = evaluations if available is None else min(evaluations, available)
        self.epochs = max(1, min(self.experiment.epoch, self.evaluations))
        self.expected_end = ExpectedEnd({"search": self.epochs}, self.evaluations // self.epochs)
        self.judged: list[Candidate] = []
        self._seen: set[Code] = set()
        self._file = CandidatesFile(self.folder, self.allowed.units)
        self._stopped: str | None = None

    @abstractmethod
    def propose(self, judged: Sequence[Candidate], rng: np.random.Generator) -> Code:
        """Propose an architecture; instead of one that was judged or is beyond a bound another.

        Args:
            judged: all that was judged so far, in order.
            rng: where everything random of this proposal is drawn from.
        """

    def run(self) -> int:
        """Judge the architectures left, then write what was found."""
        progress = self.progress
        while progress.epoch < self.epochs and not self._stopped:
            first = self._share(progress.epoch)
            self.updates_per_epoch = self._share(progress.epoch + 1) - first
            try:
                self.run_epoch(f"search {progress.epoch + 1}/{self.epochs}", self.update)
            except ExhaustedError:
                progress.epoch += 1
                self._stopped = "no further architecture was found within the bounds"
            self.finish_epoch(first)
            self.record.architecture(progress.step)
            self.end_epoch()
        return self.finish()

    def update(self) -> None:
        """Judge one more architecture, and record it."""
        number = len(self.judged)
        code = self.next_code()
        start = time.perf_counter()
        with self.on_device():
            judgement = self.evaluator.judge(code, number, self.judged)
        candidate = self._candidate(code, judgement, time.perf_counter() - start)
        self._take(candidate)
        if best_of(self.judged) is candidate:
            self.encoding.decide(code)
            # Before its row: whoever finds the row finds the weights.
            self.record.weights()
        self.evaluator.restore()
        self._file.append(number, candidate, *self._in_words(code))

    def next_code(self) -> Code:
        """Return the next architecture to judge: a new one, within all hard bounds.

        Raises:
            ExhaustedError: if none is found.
        """
        number, streams = len(self.judged), self.runtime.streams
        repeats = 0
        for attempt in range(_DRAWS):
            code = self.propose(self.judged, streams.derived("proposal", number, attempt))
            if self._is_new(code):
                return code
            repeats += code in self._seen
            if repeats == _REPEATS:
                break
        # From the last proposal on, further and further away.
        rng = streams.derived("proposal", number)
        for _ in range(_STEPS):
            neighbours = self.encoding.neighbours(code) or [code]
            code = neighbours[int(rng.integers(len(neighbours)))]
            if self._is_new(repaired := self.allowed.repaired(code)):
                return repaired
        left = list(filter(self._is_new, self.allowed.all_of_few()))
        if not left:
            raise ExhaustedError
        return left[int(rng.integers(len(left)))]

    def _is_new(self, code: Code) -> bool:
        return code not in self._seen and self.allowed.admits(code)

    def _candidate(self, code: Code, judgement: Judgement, seconds: float) -> Candidate:
        costs, loss = self.allowed.costs(code), judgement.error
        soft = [one for one in self.constraints if not one.hard]
        if soft:
            # Tan et al., "MnasNet", 2019, equation 3.
            factors = [min(1.0, one.bound / costs[one.key]) ** one.weight for one in soft]
            loss = 1 - (1 - loss) * prod(factors)
        return Candidate(code, judgement, costs, loss, seconds)

    def _take(self, candidate: Candidate) -> None:
        self.judged.append(candidate)
        self._seen.add(candidate.code)
        self.progress.examples += candidate.judgement.examples

    def finish_epoch(self, first: int) -> None:
        """Record the epoch: the best error so far, and the mean reward of what was judged in it.

        Args:
            first: how many were judged before the epoch.
        """
        best, before = best_of(self.judged), best_of(self.judged[:first] or self.judged[:1])
        values: dict[str, float | int] = {}
        if self.evaluator.measures_error:
            values["error_valid"] = best.error
        losses = [one.loss for one in self.judged[first:]]
        if losses:
            values["reward"] = (1 if self.evaluator.measures_error else 0) - float(np.mean(losses))
        paths = self.encoding.path(before.code), self.encoding.path(best.code)
        values["changed_choices"] = sum(a != b for a, b in zip(*paths, strict=True))
        self.record.epoch(self.progress, self.epochs, values, self.ends())

    def finish(self) -> int:
        """Write the front of what was judged and result.json, and say how to go on."""
        best = best_of(self.judged)
        self.encoding.decide(best.code)
        self.record.architecture(self.progress.step)
        self._record_pareto()
        command = retrain_command(self.folder, changes=self.model.retrain_arguments())
        valid = {"error": best.error} if self.evaluator.measures_error else None
        metrics = {"train": None, "valid": valid, "test": None}
        excess = self.allowed.excess()
        for line in excess:
            self.monitor.warning(line)
        self.result(
            "finished", metrics, retrain=command, stopped=self._stopped, judged=len(self.judged)
        )
        return _BOUND_NOT_MET if excess else 0

    def _record_pareto(self) -> None:
        """Write which of the judged architectures are the best for their cost."""
        units = self.allowed.units
        write_judged_pareto(self.folder, self.judged, units, self._in_words)
        if self.record.visualize:
            what = "error" if self.evaluator.measures_error else "score, the less the better"
            bounds = {one.key: one.bound for one in self.constraints}
            draw_judged_pareto(self.folder, self.judged, units, bounds, what)

    def _in_words(self, code: Code) -> tuple[str, str]:
        return self.encoding.text(code), self.model.in_brief(self.encoding.indices(code))

    def updates_done(self) -> int:
        """Return how many architectures of the epoch in progress were judged."""
        return self.progress.step - self._share(self.progress.epoch)

    def shown(self) -> dict[str, Any]:
        """Return what stands behind the progress bar, by its name."""
        return {"best": f"{best_of(self.judged).error:.4g}"}

    def standing(self) -> str:
        """Return in a few words how the search goes."""
        best = best_of(self.judged)
        name = "error" if self.evaluator.measures_error else "score"
        return f"best {name} {best.error:.4g}, the last {self.judged[-1].error:.4g}"

    def _share(self, epoch: int) -> int:
        """Return how many architectures are judged before an epoch."""
        return self.evaluations * epoch // self.epochs

    def _check_soft_bounds(self) -> None:
        """Refuse bounds that are not hard where there is no error to weigh them against."""
        if self.evaluator.measures_error:
            return
        text = got(False, f"true: {type(self.evaluator).__name__} judges by no error to weigh")
        soft = [one.key for one in self.constraints if not one.hard]
        faults = [Fault(("regularizer", key, "hard"), text, (("algorithm",),)) for key in soft]
        self.experiment.sources.check(faults)

    def first_phase(self) -> Phase:
        """Return the only phase."""
        return "search"

    def epochs_by_phase(self) -> dict[str, int]:
        """Return the epochs, as long as it is not known that there are more than architectures."""
        return {"search": max(1, self.experiment.epoch)}

    def optimizers(self) -> dict[str, Optimizer]:
        """Return no optimizer: weights that are trained for an architecture are not kept."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return where the search stands; what was judged is in candidates.csv."""
        return {**super().state_dict(), "stopped": self._stopped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` stood, or behind it: from the end of candidates.csv.

        Args:
            state: what `state_dict` of a searcher of the same experiment returned.
        """
        super().load_state_dict(state)
        self._stopped = state["stopped"]
        self.progress.examples = 0
        for text, judgement, seconds in self._file.read()[: self.evaluations]:
            self._take(self._candidate(self.encoding.read(text), judgement, seconds))
        self.progress.step = len(self.judged)
        while self._share(self.progress.epoch) > self.progress.step:
            self.progress.epoch, self._stopped = self.progress.epoch - 1, None
        if self.judged:
            self.encoding.decide(best_of(self.judged).code)
