"""The comparison of some runs: what is computed once, and every way of showing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

from nnabla_nas.errors import InputError
from nnabla_nas.registry import did_you_mean
from nnabla_nas.report.console import in_text
from nnabla_nas.report.files import write_files
from nnabla_nas.report.finding import find_runs
from nnabla_nas.report.findings import Compared, Findings
from nnabla_nas.report.grouping import Group, group_runs
from nnabla_nas.report.naming import name_groups
from nnabla_nas.report.run import NUMBERS, Run
from nnabla_nas.report.search_cost import Searches
from nnabla_nas.report.statistics import Difference, difference, holm, summarize

VALUE = "test.error"


class Comparison(Findings):
    """Runs in groups, compared, and every way of showing it."""

    def text(self) -> str:
        """Return the comparison as the console shows it."""
        return in_text(self)

    def write(self, folder: Path) -> list[Path]:
        """Write compare.csv, compare.json and report.html.

        Args:
            folder: where; made if it is missing.

        Returns:
            The files.

        Raises:
            NasError: if one cannot be written.
        """
        return write_files(self, folder)


def compare(
    folders: Sequence[Path],
    *,
    value: str | None = None,
    against: str | None = None,
    by: str = "seed",
) -> Comparison:
    """Compare runs; those that differ in nothing but the seed are a group.

    Args:
        folders: run folders, studies' folders, or folders of either.
        value: the number of result.json to compare by, less being better; by default what a study
            says, else `test.error`.
        against: the name of the group to compare the others with; by default what a study says.
        by: the setting that repetitions differ in.

    Raises:
        InputError: if there are no runs, or value, group or setting is not known.
    """
    found = find_runs(folders)
    groups = group_runs(found.runs, by)
    name_groups(groups)
    if value is not None:
        _check_value(value, found.runs)
    value = value or found.value or VALUE
    _check_setting(by, found.runs)
    remarks = [*found.remarks, *_odd(groups)]
    reference = _reference(against, groups)
    if reference is None and found.against is not None and against is None:
        reference = next((one for one in groups if one.name == found.against), None)
        if reference is None:
            remarks.append(f"nothing to compare with: no group is named {found.against!r} yet")
    values = {group.name: group.values(value) for group in groups}
    differences = _differences(values, reference.name if reference else None)
    searches = Searches(found.runs)
    compared = [
        Compared(
            group,
            summarize(list(values[group.name].values())) if values[group.name] else None,
            differences.get(group.name),
            {run.folder: searches.seconds(run) for run in group.runs},
        )
        for group in groups
    ]
    compared.sort(key=lambda one: one.summary.mean if one.summary else inf)
    name = reference.name if reference else None
    return Comparison(compared, value, by, name, found.runs, remarks, tuple(folders))


def _differences(
    values: dict[str, dict[str, float]], reference: str | None
) -> dict[str, Difference]:
    if reference is None or not values[reference]:
        return {}
    found = {
        name: difference(own, values[reference])
        for name, own in values.items()
        if own and name != reference
    }
    tested = {name: one.p for name, one in found.items() if one.p is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    return {name: replace(one, adjusted=adjusted.get(name)) for name, one in found.items()}


def _check_value(value: str, runs: Sequence[Run]) -> None:
    known = sorted({name for run in runs for name in run.numbers})
    # While runs are under way, what every training ends with may be still to come.
    if known and value not in (*known, *NUMBERS):
        raise InputError(
            f"--value: no run has {value!r}{did_you_mean(value, known)}; they have "
            f"{', '.join(known)}"
        )


def _check_setting(by: str, runs: Sequence[Run]) -> None:
    known = sorted({key for run in runs for key in run.settings})
    if known and by not in known:
        raise InputError(f"--by: no run has a setting {by!r}{did_you_mean(by, known)}")


def _reference(against: str | None, groups: Sequence[Group]) -> Group | None:
    if against is None:
        return None
    names = [group.name for group in groups]
    if against not in names:
        raise InputError(
            f"--against: no group is named {against!r}{did_you_mean(against, names)}; the groups "
            f"are {', '.join(names)}"
        )
    return groups[names.index(against)]


def _odd(groups: Sequence[Group]) -> list[str]:
    return [
        f"{group.name}: {copy.folder} repeats a {group.by} that the group has already; it does "
        "not count"
        for group in groups
        for copy in group.copies
    ]
