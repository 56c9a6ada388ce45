"""Folders as finished runs leave them, with numbers at will, for tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnabla_nas.artifact.result import Result
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.trajectory import Trajectory

CONFIG: dict[str, Any] = {
    "epoch": 3,
    "threads": 1,
    "context": "auto",
    "device_id": "-1",
    "dataset": {"name": "digits"},
    "network": {"search_space": "mobilenet", "settings": [[16, 2, 1]], "weights": None},
    "algorithm": {"name": "Trainer"},
    "optimizer": {"train": {"solver": {"name": "Momentum", "lr": 0.1}}},
    "environment": {
        "created": "2026-11-24T10:00:00+00:00",
        "python": "3.10.13",
        "platform": "Linux",
        "processor": "A processor",
        "versions": {"nnabla_nas": "0.1.0", "nnabla": "1.39.0", "numpy": "1.26.4"},
        "git_commit": "0123456789abcdef",
        "device": "CPU",
        "data_checksum": "9395b825",
    },
}


def write_run(
    folder: Path,
    seed: int = 0,
    error: float = 0.1,
    *,
    search: bool = False,
    changes: Mapping[str, Any] | None = None,
    epochs: int = 3,
    result: Mapping[str, Any] | None = None,
) -> Path:
    """Write config.json, trajectory.csv and result.json of a finished run.

    Args:
        folder: the run's folder.
        seed: its seed.
        error: test error of a training, validation error of a search, from 0 to 1.
        search: whether it is a search.
        changes: values of the experiment by dotted path.
        epochs: rows of trajectory.csv.
        result: what stands in result.json instead of what it would hold.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True)
    files = RunFolder(folder)
    config = json.loads(json.dumps(CONFIG))
    config |= {"seed": seed, "search": search, "output_path": str(folder)}
    if search:
        config["algorithm"] = {"name": "ProxylessNasSearcher"}
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        place = config
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    files.config.write_text(json.dumps(config))
    measured = {"loss": 10 * error, "error": error, "examples": 1000}
    content = Result(
        status="finished",
        algorithm=config["algorithm"]["name"],
        search=search,
        seed=seed,
        metrics={
            "train": {"loss": 5 * error, "error": error / 2},
            "valid" if search else "test": measured,
        },
        epochs=epochs,
        updates=10 * epochs,
        wall_clock_seconds=20.0,
        device_seconds=10.0,
        parameters=1000,
        multiply_adds=50_000,
    ).to_json()
    files.result.write_text(json.dumps(content | dict(result or {})))
    _write_trajectory(Trajectory(files.trajectory), epochs, search, error)
    return folder


def write_study(folder: Path, errors: Mapping[str, Sequence[float]]) -> Path:
    """Write a study's folder: trainings of several experiments with several seeds.

    Args:
        folder: the study's folder.
        errors: per experiment, by its name: the test error of each seed, from seed 0 on.

    Returns:
        The folder.
    """
    runs = []
    for number, (name, values) in enumerate(errors.items()):
        for seed, error in enumerate(values):
            place = f"{name}/seed-{seed}"
            write_run(folder / place, seed, error, changes={"network.width_mult": 1 + number})
            runs.append({"experiment": name, "seed": seed, "folder": place, "after": []})
    (folder / "study.json").write_text(json.dumps({"runs": runs, "compare": {}}))
    return folder


def _write_trajectory(trajectory: Trajectory, epochs: int, search: bool, error: float) -> None:
    for epoch in range(1, epochs + 1):
        rest = 0.5 / epoch
        measured: dict[str, Any] = {"loss_train": rest, "error_train": rest}
        if search:
            measured |= {"error_valid": error + rest, "reward": 1 - rest, "entropy": 3 * rest}
            measured["changed_choices"] = 0
        else:
            measured["error_test"] = error + rest
        phase = "search" if search else "train"
        trajectory.append(phase, epoch, 10 * epoch, 2.0 * epoch, 100 * epoch, **measured)
