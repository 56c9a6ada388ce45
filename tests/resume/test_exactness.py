"""A run that was stopped or killed and then resumed ends with the bytes of one that was not."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main
from nnabla_nas.runner.runner import Runner

TRAIN = {"train": {"solver": {"name": "Adam", "alpha": 0.01}, "grad_clip": 5.0}}


BOUND = {"speed": {"name": "FLOPsEstimator", "bound": 20000, "weight": 0.5}}


def reinforce(search: dict[str, Any]) -> dict[str, Any]:
    return {**search, "regularizer": BOUND}


def trainer(search: dict[str, Any]) -> dict[str, Any]:
    search["network"]["drop_rate"] = 0.2
    return {
        **search,
        "algorithm": "Trainer",
        "optimizer": TRAIN,
        "cutout": 2,
        "train_portion": 0.5,
        "epoch": 3,
    }


def gate(search: dict[str, Any]) -> dict[str, Any]:
    return {**search, "algorithm": {"name": "ProxylessNasSearcher", "update": "gate"}}


def first_order(search: dict[str, Any]) -> dict[str, Any]:
    search["network"]["mode"] = "full"
    return {**search, "algorithm": "DartsSearcher"}


def second_order(search: dict[str, Any]) -> dict[str, Any]:
    algorithm = {"name": "DartsSearcher", "order": 2}
    return {**first_order(search), "algorithm": algorithm, "regularizer": BOUND}


def cells(search: dict[str, Any]) -> dict[str, Any]:
    """Train with drop-path, an auxiliary head and cutout, and select the epoch."""
    network = {
        "search_space": "darts",
        "init_channels": 4,
        "num_cells": 3,
        "auxiliary": True,
        "drop_path": 0.3,
    }
    sizes = dict.fromkeys(("batch_size_train", "mini_batch_train"), 16)
    sizes |= dict.fromkeys(("batch_size_valid", "mini_batch_valid"), 16)
    dataset = {"name": "synthetic", "n_train": 64, "n_test": 16}
    return {**trainer(search), "dataset": dataset, "network": network, "aux_weight": 0.4, **sizes}


RUNS = {
    "reinforce": reinforce,
    "gate": gate,
    "first order": first_order,
    "second order": second_order,
    "trainer": trainer,
    "cells": cells,
}
# What has happened when the signal comes: updates in all, and whether the epoch was closed.
MOMENTS = {
    "before the first update": (0, "start"),
    "in the first epoch": (1, "update"),
    "in mid-epoch": (3, "update"),
    "at the last update of an epoch": (4, "update"),
    "between epochs": (4, "epoch"),
    "at the end": (6, "epoch"),
}


def run(config: Path, output: Path, *flags: str) -> int:
    return main(["-f", str(config), "-o", str(output), "--no-visualize", *flags])


def interrupted(config: Path, output: Path, moment: tuple[int, str], number: int) -> None:
    """Run in a process of its own that gets a signal at a moment."""
    step, event = moment

    def strike(runner: Runner) -> None:
        if runner.progress.step == step:
            os.kill(os.getpid(), number)

    def hooked(method: Any, before: bool = False) -> Any:
        def call(self: Runner, *args: Any, **kwargs: Any) -> Any:
            if before:
                strike(self)
            value = method(self, *args, **kwargs)
            if not before:
                strike(self)
            return value

        return call

    if event == "update":
        Runner._report_update = hooked(Runner._report_update)  # type: ignore[method-assign]
    elif event == "epoch":
        Runner.save_checkpoint = hooked(Runner.save_checkpoint)  # type: ignore[method-assign]
    else:
        Runner.run_epoch = hooked(Runner.run_epoch, before=True)  # type: ignore[method-assign]
    os._exit(run(config, output))


def outcome(folder: Path) -> dict[str, Any]:
    """Return all that must be equal: bytes of parameters, the trajectory and the metrics."""
    with (folder / "trajectory.csv").open() as file:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    result = json.loads((folder / "result.json").read_text())
    for key in ("wall_clock_seconds", "device_seconds", "retrain"):
        result.pop(key)
    files = {name: (folder / name) for name in ("arch.h5", "weights.h5")}
    contents = {name: path.read_bytes() for name, path in files.items() if path.exists()}
    return {"rows": rows, "result": result, **contents}


@pytest.fixture(scope="module", params=RUNS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the experiment of a run and what it ends with when nothing disturbs it."""
    folder = tmp_path_factory.mktemp(request.param)
    search = json.loads(json.dumps(request.getfixturevalue("small_search")))
    config = folder / "experiment.json"
    config.write_text(json.dumps(RUNS[request.param](search)))
    assert run(config, folder / "whole") == 0
    return config, outcome(folder / "whole")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_resuming_is_exact(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path, moment: str, number: int
) -> None:
    config, expected = whole
    child = multiprocessing.get_context("fork").Process(
        target=interrupted, args=(config, tmp_path / "run", MOMENTS[moment], number)
    )
    child.start()
    child.join(60)
    if number == signal.SIGKILL:
        assert child.exitcode == -signal.SIGKILL
    elif moment == "at the end":
        assert child.exitcode in (0, 143)
    else:
        assert child.exitcode == 143
    assert run(config, tmp_path / "run", "--resume") == 0
    assert outcome(tmp_path / "run") == expected
