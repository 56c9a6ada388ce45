"""What judges whole architectures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from nnabla_nas.runner.candidates import Candidate, Judgement
from nnabla_nas.runner.runner import Runner
from nnabla_nas.search_space.encoding import Code, Encoding


class Evaluator(ABC):
    """Judges architectures of a super-network. Options are keyword-only parameters of the class.

    What it says must depend on the architecture, its number and the run's seed alone: a search that
    goes on reads what was judged from candidates.csv and judges the rest as it would have.

    Args:
        runner: the run: its network, data, graphs and settings.
        encoding: of the network.

    Attributes:
        phases: entries of `optimizer` that it needs.
        measures_error: whether the judgement is a top-1 error.
        longest: epochs of what is trained longest; what was stopped before is no match for it.
    """

    phases: ClassVar[tuple[str, ...]] = ()
    measures_error: ClassVar[bool] = True
    longest: int = 0

    def __init__(self, runner: Runner, encoding: Encoding) -> None:
        self.runner = runner
        self.encoding = encoding

    @abstractmethod
    def judge(self, code: Code, number: int, judged: list[Candidate]) -> Judgement:
        """Judge an architecture.

        Args:
            code: the architecture.
            number: how many were judged before.
            judged: what was judged before.
        """

    def restore(self) -> None:  # noqa: B027 - most have nothing to give back
        """Give the network back the parameters that judging has changed."""
