"""Runs that differ in nothing but the seed, together."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from nnabla_nas.report.run import Run
from nnabla_nas.report.settings import FILES, Settings, group_key, without_number

Place = tuple[str | None, Path]


@dataclass
class Group:
    """Runs of one experiment.

    Args:
        runs: all of them, in whatever state.
        settings: those of the experiment; of the first run where they are known.
        by: the setting in which the runs differ.
        name: what it is called.
    """

    runs: list[Run]
    settings: Settings
    by: str
    name: str = ""

    @property
    def finished(self) -> list[Run]:
        """The runs that count: finished, and one for each seed, since a second one is a copy."""
        kept: dict[Any, Run] = {}
        for index, run in enumerate(self.runs):
            if run.finished:
                number = self.number(run)
                kept.setdefault(("none", index) if number is None else str(number), run)
        return list(kept.values())

    @property
    def copies(self) -> list[Run]:
        """The finished runs that do not count because there is another one of the same seed."""
        counted = {id(run) for run in self.finished}
        return [run for run in self.runs if run.finished and id(run) not in counted]

    def number(self, run: Run) -> Any:
        """Return what distinguishes a run from the others: its seed, unless told otherwise.

        Args:
            run: one of the runs.
        """
        return run.settings.get(self.by, run.seed if self.by == "seed" else None)

    def values(self, name: str) -> dict[str, float]:
        """Return a number of each run that counts and has it, by seed or else by folder.

        Args:
            name: its dotted path.
        """
        found = {}
        for run in self.finished:
            if name in run.numbers:
                number = self.number(run)
                found[str(run.folder if number is None else number)] = run.numbers[name]
        return found

    def mean(self, name: str) -> float | None:
        """Return the mean of a number over the runs that count and have it.

        Args:
            name: its dotted path.
        """
        values = self.values(name).values()
        return fmean(values) if values else None

    def mean_cost(self, kind: str) -> float | None:
        """Return the mean of what an estimator says.

        Args:
            kind: a part of the estimator's name.
        """
        costs = [cost for run in self.finished if (cost := run.cost(kind)) is not None]
        return fmean(costs) if costs else None


def group_runs(runs: Sequence[Run], by: str = "seed") -> list[Group]:
    """Put runs that differ in one setting only into groups.

    A path of a genotype or of weights that differs by the seed's folder only counts as the same.
    Runs whose experiment is unknown, because they are damaged or have not begun, join the other
    runs of their experiment in the study, or else of their neighbours.

    Args:
        runs: the runs.
        by: the setting.
    """
    known = [run for run in runs if run.settings]
    groups: dict[tuple[Any, ...], Group] = {}
    for run, key in zip(known, _keys(known, by), strict=True):
        groups.setdefault(key, Group([], run.settings, by)).runs.append(run)
    homes: defaultdict[Place, list[Group]] = defaultdict(list)
    for group in groups.values():
        for place in {_place(run) for run in group.runs}:
            homes[place].append(group)
    strays: dict[Place, Group] = {}
    for run in runs:
        if not run.settings:
            kin = homes[_place(run)]
            stray = len(kin) != 1
            home = strays.setdefault(_place(run), Group([], {}, by)) if stray else kin[0]
            home.runs.append(run)
    return [*groups.values(), *strays.values()]


def _place(run: Run) -> Place:
    return run.experiment, run.folder.parent


def _keys(known: Sequence[Run], by: str) -> list[tuple[Any, ...]]:
    """Return for each run what its whole group has in common."""
    keys: list[tuple[Any, ...]] = [(run.experiment, group_key(run.settings, by)) for run in known]
    for name in FILES:
        # One file that several seeds start from is one experiment, whatever number it has.
        numbers: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
        whole = [(*key, _path(run, name)) for key, run in zip(keys, known, strict=True)]
        for place, run in zip(whole, known, strict=True):
            numbers[place].add(str(run.settings.get(by)))
        keys = [
            place if len(numbers[place]) > 1 else (*key, _common(place[-1], run.settings.get(by)))
            for place, key, run in zip(whole, keys, known, strict=True)
        ]
    return keys


def _path(run: Run, name: str) -> str | None:
    """Return the path that a setting holds; what is no path as JSON."""
    value = run.settings.get(name)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _common(path: str | None, number: Any) -> str | None:
    return None if path is None else without_number(path, number)
