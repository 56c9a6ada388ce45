"""What every runner must satisfy."""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.registry import runners
from nnabla_nas.testing.experiment import (
    completed,
    empty_folder,
    name_of,
    opened_runner,
    run_experiment,
    small_experiment,
)
from nnabla_nas.testing.requirement import require, shown

_FILES = {
    "config.json",
    "log.txt",
    "trajectory.csv",
    "arch.json",
    "arch.png",
    "arch.dot",
    "weights.h5",
    "result.json",
    "tensorboard",
}
_TIMES = ("seconds",)


def check_runner(
    algorithm: str | Mapping[str, Any],
    network: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Check a runner on a small experiment.

    Args:
        algorithm: its registered name, or an object with its name and options.
        network: search space and arguments; by default the toy space of three operations.
        changes: keys of the experiment to add or replace, see `small_experiment`.

    Raises:
        AssertionError: with a sentence that says what is violated.
    """
    content = small_experiment(algorithm, network, changes)
    check_dry_run(content)
    check_output_folder(content)
    check_seeds(content)
    check_continuation(content)


def check_dry_run(content: Mapping[str, Any]) -> None:
    """Check that a dry run writes nothing.

    Args:
        content: of the experiment's JSON file.
    """
    with empty_folder() as folder:
        run_experiment(content, "run", dry_run=True)
        written = sorted(path.name for path in folder.iterdir())
        require(not written, f"a dry run writes {shown(written)}")


def check_output_folder(content: Mapping[str, Any]) -> None:
    """Check that a run writes all its files, all of them whole, and nothing elsewhere.

    Args:
        content: of the experiment's JSON file.
    """
    with empty_folder() as folder:
        run = run_experiment(content, "run", visualize=True)
        elsewhere = sorted(path.name for path in folder.iterdir() if path.name != "run")
        require(not elsewhere, f"a run writes {shown(elsewhere)} outside of its output folder")
        present = {path.name for path in run.path.iterdir()}
        searching = runners.get(name_of(content["algorithm"])).searches
        needed = _FILES | ({"arch.h5"} if searching else set())
        missing = sorted(needed - present)
        require(not missing, f"the output folder lacks {shown(missing)}")
        partial = sorted(name for name in present if name.startswith("."))
        require(not partial, f"the output folder keeps {shown(partial)}")
        result = json.loads(run.result.read_text())
        require(result["status"] == "finished", f"result.json: status is '{result['status']}'")
        rows, epochs = len(_rows(run)), result["epochs"]
        require(rows == epochs, f"trajectory.csv has {rows} rows for {epochs} epochs")
        again = run_experiment(json.loads(run.config.read_text()), "again")
        _require_same(run, again, "run again from its own config.json, the result is another")


def check_seeds(content: Mapping[str, Any]) -> None:
    """Check that one seed gives the same bytes every time, and another seed gives others.

    Args:
        content: of the experiment's JSON file.
    """
    with empty_folder():
        first, second, other = (
            run_experiment(content, name, seed=seed)
            for name, seed in (("first", 0), ("second", 0), ("other", 1))
        )
        _require_same(first, second, "two runs of one seed give different results")
        for path in _compared(first):
            require(
                path.read_bytes() != (other.path / path.name).read_bytes(),
                f"runs of different seeds give the same {path.name}",
            )


def check_continuation(content: Mapping[str, Any]) -> None:
    """Check that a runner goes on from another's state as that one would have.

    Stops after the first update, after the first epoch, in the middle and before the last update.

    Args:
        content: of the experiment's JSON file.
    """
    with empty_folder():
        whole = run_experiment(content, "whole")
        result = json.loads(whole.result.read_text())
        updates, epochs = result["updates"], result["epochs"]
        for stop in sorted({1, updates // epochs, updates // 2, updates - 1} - {0, updates}):
            stopped = _run_in_two_parts(content, stop)
            message = f"stopped after update {stop} of {updates} and continued from state_dict()"
            _require_same(whole, stopped, f"{message}, the result is another")
            require(
                _rows(whole) == _rows(stopped), f"{message}, trajectory.csv differs in its numbers"
            )


class _StoppedError(Exception):
    """Ends a run between two updates."""


def _run_in_two_parts(content: Mapping[str, Any], stop: int) -> RunFolder:
    experiment = completed(content, f"stopped-{stop}")
    folder = RunFolder(experiment.output_path)
    with folder:
        with opened_runner(experiment, folder) as first:
            run_epoch = first.run_epoch

            def stopping(description: str, update: Callable[[], None]) -> None:
                def guarded() -> None:
                    if first.progress.step == stop:
                        raise _StoppedError
                    update()

                run_epoch(description, guarded)

            first.run_epoch = stopping  # type: ignore[method-assign]
            try:
                first.run()
            except _StoppedError:
                state = copy.deepcopy(first.state_dict())
            else:
                raise AssertionError(f"the run does not do its {stop + 1}th update in run_epoch()")
        strange = sorted(_not_plain(state, "state_dict()"))
        require(not strange, f"what a checkpoint cannot hold: {shown(strange)}")
        with opened_runner(experiment, folder) as second:
            second.load_state_dict(state)
            second.run()
    return folder


def _not_plain(value: Any, place: str) -> set[str]:
    """Return the places of what is neither a number, text nor an array, nor made of these."""
    if isinstance(value, Mapping):
        return {s for key, item in value.items() for s in _not_plain(item, f"{place}[{key!r}]")}
    if isinstance(value, (list, tuple)):
        return {s for i, item in enumerate(value) for s in _not_plain(item, f"{place}[{i}]")}
    plain = value is None or isinstance(value, (bool, int, float, str, np.ndarray, np.generic))
    return set() if plain else {f"{place} ({type(value).__name__})"}


def _compared(folder: RunFolder) -> list[Path]:
    return [path for path in (folder.arch_h5, folder.weights) if path.exists()]


def _require_same(one: RunFolder, two: RunFolder, violation: str) -> None:
    for path in _compared(one):
        other = two.path / path.name
        same = other.exists() and path.read_bytes() == other.read_bytes()
        require(same, f"{violation}: {path.name} differs")


def _rows(folder: RunFolder) -> list[dict[str, str]]:
    """Return trajectory.csv without its times."""
    with folder.trajectory.open(encoding="utf-8", newline="") as stream:
        return [
            {name: value for name, value in row.items() if name not in _TIMES}
            for row in csv.DictReader(stream)
        ]
