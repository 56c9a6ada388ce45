"""Judging by a benchmark's table, in which every architecture was trained before."""

from __future__ import annotations

from nnabla_nas.config.faults import Fault, got
from nnabla_nas.runner.candidates import Candidate, Judgement
from nnabla_nas.runner.evaluator.benchmark import Benchmark
from nnabla_nas.runner.evaluator.evaluator import Evaluator
from nnabla_nas.runner.runner import Runner
from nnabla_nas.search_space.encoding import Code, Encoding


class Table(Evaluator):
    """Looks errors up.

    Args:
        path: a JSON file of NAS-Bench-Macro's form, whose keys have a digit per choice: the number
            of its candidate; or a search's candidates.csv.
        operations: the operations that the digits 0, 1, … stand for, where that is not the order
            of the network's candidates.
        single: judge by one of the trainings that the table holds of an architecture, drawn from
            the seed, instead of their mean: as a search would that can train each once.
    """

    def __init__(
        self,
        runner: Runner,
        encoding: Encoding,
        *,
        path: str,
        operations: list[str] | None = None,
        single: bool = False,
    ) -> None:
        super().__init__(runner, encoding)
        self._benchmark = Benchmark(path)
        self._single = single
        self._digits: list[list[int]] | None = None
        if operations is not None:
            choices = runner.model.choices().values()
            missing = [n for c in choices for n in c.names if n not in operations]
            if missing or not encoding.independent or len(choices) != len(encoding.sizes):
                needed = f"a list with '{missing[0]}'" if missing else "null in this search space"
                fault = Fault(("algorithm", "evaluator", "operations"), got(operations, needed))
                runner.experiment.sources.check([fault])
            self._digits = [[operations.index(name) for name in c.names] for c in choices]

    def judge(self, code: Code, number: int, judged: list[Candidate]) -> Judgement:
        """Return the error that the table holds.

        Args:
            code: the architecture.
            number: how many were judged before.
            judged: what was judged before.

        Raises:
            InputError: if it does not hold the architecture.
        """
        if self._digits is not None:
            code = tuple(digits[value] for digits, value in zip(self._digits, code, strict=True))
        if not self._single:
            return Judgement(self._benchmark.error(code))
        trainings = self._benchmark.trainings(code)
        drawn = self.runner.runtime.streams.derived("training", *code).integers(len(trainings))
        return Judgement(trainings[int(drawn)])
