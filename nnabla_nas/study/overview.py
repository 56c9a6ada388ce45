"""A study in lines: its runs, how far they are, and what the whole will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean

from nnabla_nas.study.folders import State, StudyFolder
from nnabla_nas.study.plan import Run
from nnabla_nas.study.progress import (
    duration,
    outcome,
    read_progress,
    seconds_by_variant,
)


def overview(
    runs: Sequence[Run], folder: StudyFolder, value: str, n_at_once: int | None
) -> list[str]:
    """Return a line per run, one for all of them, and what the whole will take.

    Args:
        runs: the runs, in order.
        folder: the study's folder.
        value: the metric that is shown of finished runs.
        n_at_once: how many run side by side; None if nothing is to be started.
    """
    width = max(len(run.name) for run in runs)
    states = {run.name: folder.state(run) for run in runs}
    lines = [f"{run.name:<{width}}  {_words(run, folder, states, value)}" for run in runs]
    counts = Counter(states[run.name] for run in runs)
    lines.append(f"{len(runs)} runs: " + ", ".join(f"{n} {kind}" for kind, n in counts.items()))
    if n_at_once is not None:
        lines += _estimate(runs, states, n_at_once)
    return lines


def _words(run: Run, folder: StudyFolder, states: Mapping[str, State], value: str) -> str:
    state = states[run.name]
    if state == "finished":
        return f"finished, {outcome(run, value)}"
    if state == "failed":
        end = folder.end(run)
        return f"failed, {end.in_words() if end else 'no architecture is within its hard bounds'}"
    progress = read_progress(run)
    if state == "running":
        return progress.in_words() if progress else "running, no epoch is done yet"
    if progress:
        return f"stopped after {progress.phase} {progress.epoch}/{progress.epochs}"
    failed = [name for name in run.after if states.get(name) == "failed"]
    if failed:
        return f"not started, because {failed[0]} failed"
    return f"after {', '.join(run.after)}" if run.after else "waiting"


def _estimate(runs: Sequence[Run], states: Mapping[str, State], n_at_once: int) -> list[str]:
    finished = seconds_by_variant(run for run in runs if states[run.name] == "finished")
    left = [run for run in runs if states[run.name] != "finished"]
    if not left:
        return ["nothing is left to do"]
    unknown = sorted({run.variant for run in left} - finished.keys())
    lines = [
        f"a run of {variant}: {duration(fmean(seconds))}, the mean of {len(seconds)} finished"
        for variant, seconds in finished.items()
    ]
    if unknown:
        lines.append(
            f"what the whole takes is not known: no run of {', '.join(unknown)} is finished"
        )
        return lines
    total = sum(fmean(finished[run.variant]) for run in left)
    lines.append(
        f"{len(left)} runs left: about {duration(total / n_at_once)}, {n_at_once} at a time"
    )
    return lines
