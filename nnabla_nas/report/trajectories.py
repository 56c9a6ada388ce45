"""Curves of groups: the mean over runs and how far they lie apart, epoch by epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from nnabla_nas.report.run import Run

Rows = Sequence[dict[str, str]]


@dataclass(frozen=True)
class Curve:
    """The mean of a column of trajectory.csv over some runs.

    Args:
        name: the group.
        epochs: epochs done, warm-up included.
        means: of the runs that have a value there.
        deviations: standard deviations, 0 of a single run.
        n: runs that have one value at least.
    """

    name: str
    epochs: Sequence[int]
    means: Sequence[float]
    deviations: Sequence[float]
    n: int


def read_trajectory(run: Run) -> Rows:
    """Return the rows of a run's trajectory.csv; none where it cannot be read.

    Args:
        run: the run.
    """
    return _rows(run.files.trajectory)


def curve(name: str, trajectories: Sequence[Rows], column: str) -> Curve | None:
    """Return a column's mean over runs.

    Args:
        name: the group.
        trajectories: the rows of each run.
        column: one of trajectory.csv.

    Returns:
        None where no run has a value.
    """
    values: dict[int, list[float]] = {}
    n = 0
    for rows in trajectories:
        own = {epoch: v for epoch, row in enumerate(rows, 1) if (v := _number(row, column))}
        n += bool(own)
        for epoch, (value,) in own.items():
            values.setdefault(epoch, []).append(value)
    epochs = sorted(values)
    if not epochs:
        return None
    deviations = [stdev(values[e]) if len(values[e]) > 1 else 0.0 for e in epochs]
    return Curve(name, epochs, [fmean(values[e]) for e in epochs], deviations, n)


def _rows(path: Path) -> Rows:
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            return list(csv.DictReader(stream))
    except (OSError, csv.Error):
        return []


def _number(row: dict[str, str], column: str) -> tuple[float] | None:
    """Return a finite number of a row, in a tuple of its own since it may be 0."""
    try:
        value = float(row.get(column) or "nan")
    except (TypeError, ValueError):
        return None
    return (value,) if math.isfinite(value) else None
