"""How far runs are, read from what they write, and when a study will be over."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.study.folders import result
from nnabla_nas.study.plan import Run

_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Args:
        phase: warmup, search or train.
        epoch: epochs of the phase that are complete.
        epochs: epochs of the phase.
        loss: mean training loss of the last epoch, if it was measured.
        seconds_left: until its end at the pace so far.
        read_at: when this was so, by the clock of files.
    """

    phase: str
    epoch: int
    epochs: int
    loss: float | None
    seconds_left: float
    read_at: float

    def in_words(self) -> str:
        """Return phase, epoch, loss and the expected end."""
        loss = "" if self.loss is None else f"  loss {self.loss:.3g}"
        end = clock_time(self.read_at + self.seconds_left)
        return f"{self.phase} {self.epoch}/{self.epochs}{loss}  ends {end}"


def read_progress(run: Run) -> Progress | None:
    """Return where a run stands, or None before its first epoch has ended.

    Args:
        run: the run.
    """
    folder = RunFolder(run.folder)
    try:
        config = json.loads(folder.config.read_text(encoding="utf-8"))
        with folder.trajectory.open(encoding="utf-8", newline="") as stream:
            row = list(csv.DictReader(stream))[-1]
        written = folder.trajectory.stat().st_mtime
        phase, epoch, seconds = row["phase"], int(row["epoch"]), float(row["seconds"])
        warmup = int(config["warmup"]) if config["search"] else 0
        epochs = warmup if phase == "warmup" else int(config["epoch"])
        done = epoch if phase in ("warmup", "train") else warmup + epoch
        left = seconds / done * (warmup + int(config["epoch"]) - done)
        loss = float(row["loss_train"]) if row["loss_train"] else None
    except (OSError, ValueError, LookupError, TypeError, ZeroDivisionError):
        # Not there yet, or just being written.
        return None
    return Progress(phase, epoch, epochs, loss, left, written)


def seconds_by_variant(runs: Iterable[Run]) -> dict[str, list[float]]:
    """Return what finished runs took, in seconds of wall-clock time, by variant.

    Args:
        runs: finished runs.
    """
    found: dict[str, list[float]] = {}
    for run in runs:
        seconds = (result(run) or {}).get("wall_clock_seconds")
        if isinstance(seconds, int | float):
            found.setdefault(run.variant, []).append(float(seconds))
    return found


def seconds_left(
    waiting: Sequence[Run],
    running: Sequence[Run],
    known: Mapping[str, list[float]],
    n_at_once: int,
) -> float | None:
    """Return how long a study will go on, in seconds, or None while that is not known.

    Args:
        waiting: runs that are not begun.
        running: runs under way.
        known: what finished runs took, by variant.
        n_at_once: how many run side by side.
    """
    pace = {variant: fmean(seconds) for variant, seconds in known.items()}
    total = 0.0
    now = time.time()
    for run in running:
        progress = read_progress(run)
        if progress is not None:
            total += max(0.0, progress.read_at + progress.seconds_left - now)
            whole = _whole(run, progress)
            if whole is not None:
                pace.setdefault(run.variant, whole)
        elif run.variant in pace:
            total += pace[run.variant]
        else:
            return None
    if any(run.variant not in pace for run in waiting):
        return None
    return (total + sum(pace[run.variant] for run in waiting)) / n_at_once


def outcome(run: Run, value: str) -> str:
    """Return the metric that runs are compared by, in words, and what the run took.

    Args:
        run: a finished run.
        value: the metric's path; a search, which has no test error, says its validation error.
    """
    content = result(run) or {}
    part, _, name = value.rpartition(".")
    shown = _metric(content, part, name) or _metric(content, "valid", name)
    seconds = content.get("wall_clock_seconds")
    took = f"{duration(seconds)}" if isinstance(seconds, int | float) else ""
    return ", ".join(text for text in (shown, took) if text)


def duration(seconds: float) -> str:
    """Return a time in words.

    Args:
        seconds: how long.
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR:.0f} h {seconds % _HOUR / 60:.0f} min"
    return f"{seconds / _DAY:.1f} days"


def clock_time(moment: float) -> str:
    """Return a moment as people say it: the time, with the day where it is not today.

    Args:
        moment: seconds since the epoch of Unix.
    """
    now = datetime.now()
    then = now + timedelta(seconds=min(moment - now.timestamp(), 1e9))
    if then.date() == now.date():
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if then - now < timedelta(days=6) else f"{then:%Y-%m-%d}"


def _whole(run: Run, progress: Progress) -> float | None:
    """Return what a run under way takes in all, in seconds."""
    try:
        with RunFolder(run.folder).trajectory.open(encoding="utf-8", newline="") as stream:
            return float(list(csv.DictReader(stream))[-1]["seconds"]) + progress.seconds_left
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _metric(content: Mapping[str, Any], part: str, name: str) -> str:
    value = ((content.get("metrics") or {}).get(part) or {}).get(name)
    if not isinstance(value, int | float):
        return ""
    return f"{part} {name} {100 * value:.2f} %" if name == "error" else f"{part} {name} {value:.4g}"
