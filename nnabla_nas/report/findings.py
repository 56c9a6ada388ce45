"""What a comparison of runs finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnabla_nas.report.grouping import Group
from nnabla_nas.report.run import Run
from nnabla_nas.report.statistics import Difference, Summary
from nnabla_nas.report.wording import power_note, sentence


@dataclass(frozen=True)
class Compared:
    """A group, and what is said of it.

    Args:
        group: its runs.
        summary: of the value; None where no run has it.
        difference: to the reference; None of the reference itself, and without one.
        search_seconds: device seconds by run folder of the search that its genotype came from;
            None where that search is not among the runs; 0 where nothing was searched.
    """

    group: Group
    summary: Summary | None
    difference: Difference | None
    search_seconds: Mapping[Path, float | None]

    @property
    def name(self) -> str:
        """What the group is called."""
        return self.group.name


@dataclass(frozen=True)
class Findings:
    """Runs in groups, compared.

    Args:
        groups: the groups, the best first, then those without the value.
        value: the number that they are compared by.
        by: the setting in which runs of a group differ.
        against: the name of the reference, if there is one.
        runs: all runs.
        remarks: what is missing or odd, one line each.
        folders: where the runs were looked for.
    """

    groups: Sequence[Compared]
    value: str
    by: str
    against: str | None
    runs: Sequence[Run]
    remarks: Sequence[str]
    folders: Sequence[Path] = ()

    @property
    def reference(self) -> Compared | None:
        """The group that the others are compared with."""
        return next((one for one in self.groups if one.name == self.against), None)

    @property
    def sentences(self) -> Sequence[str]:
        """What the differences mean, one sentence for each group that is compared."""
        compared = [one for one in self.groups if one.difference is not None]
        told = [
            sentence(one.name, self.against or "", one.difference, self.value)
            for one in compared
            if one.difference is not None
        ]
        return told + power_note([one.difference for one in compared if one.difference])
