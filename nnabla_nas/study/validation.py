"""Checking the runs of a study before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.command_values import SET_FLAG
from nnabla_nas.config.completion import complete
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.reading import read_experiment
from nnabla_nas.errors import InputError
from nnabla_nas.study.plan import Run

# What may differ between the runs of a variant, or without a run becoming another one.
_MAY_DIFFER = ("context", "device_id", "environment", "output_path", "print_frequency", "threads")


def check_runs(runs: Sequence[Run]) -> list[Experiment]:
    """Check the experiment of every run, and that no folder holds another one.

    Args:
        runs: the runs; those of a variant are checked once.

    Returns:
        The completed experiment of every variant.

    Raises:
        InputError: with one line per fault, all faults together.
    """
    faults: list[str] = []
    experiments: list[Experiment] = []
    variants: dict[str, list[Run]] = {}
    for run in runs:
        variants.setdefault(run.variant, []).append(run)
    for variant, members in variants.items():
        try:
            experiment = _completed(members[0])
        except InputError as error:
            # What the command line calls --set stands under `set` and `grid` here.
            given = [fault.replace(f"{SET_FLAG}: ", "set: ") for fault in error.faults]
            faults += [f"{variant}: {fault}" for fault in given]
            continue
        experiments.append(experiment)
        for run in members:
            faults += _differences(run, experiment)
    if faults:
        raise InputError(faults)
    return experiments


def _completed(run: Run) -> Experiment:
    flags = {"seed": run.seed, "output_path": str(run.folder)}
    experiment = read_experiment(str(run.file), flags, run.overrides())
    return complete(experiment)[0]


def _differences(run: Run, experiment: Experiment) -> Iterator[str]:
    """Yield what keeps a folder's run from being the one that the study describes."""
    folder = RunFolder(run.folder)
    try:
        before = json.loads(folder.config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        yield f"{folder.config}: cannot be read ({error}); remove the folder to start the run again"
        return
    now = json.loads(json.dumps(experiment.to_json()))
    ignored = {*_MAY_DIFFER, "seed", *run.linked}
    for path, old, new in _changes(before, now, ""):
        if path not in ignored:
            yield (
                f"{folder.config}: {path}: was {json.dumps(old)}, now {json.dumps(new)}; remove "
                "the folder, or choose another for the study with -o"
            )


def _changes(before: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            inner = f"{path}.{key}" if path else key
            yield from _changes(before.get(key), now.get(key), inner)
    elif before != now:
        yield path, before, now
