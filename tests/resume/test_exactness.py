"""A run that was stopped or killed and then resumed ends with the bytes of one that was not."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
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
        "algorithm": {"name": "Trainer", "mixup": 0.4, "cutmix": 1.0, "ema_decay": 0.8},
        "transforms": ["RandomErasing", {"name": "RandomRotation", "degrees": 9}],
        "select": "ema_error",
        "metrics": ["macro_f1"],
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
        "init_channels": 2,
        "num_cells": 3,
        "auxiliary": True,
        "drop_path": 0.3,
    }
    plain = {"algorithm": "Trainer", "transforms": None, "select": None, "metrics": None}
    sizes = {"input_shape": [3, 32, 32], "aux_weight": 0.4}
    return {**trainer(search), **plain, **sizes, "network": network}


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


@pytest.fixture(scope="module", params=RUNS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the experiment of a run and what it ends with when nothing disturbs it."""
    folder = tmp_path_factory.mktemp(request.param)
    search = json.loads(json.dumps(request.getfixturevalue("tiny_search")))
    config = folder / "experiment.json"
    config.write_text(json.dumps(RUNS[request.param](search)))
    assert run(config, folder / "whole") == 0
    return config, request.getfixturevalue("outcome")(folder / "whole")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_resuming_is_exact(
    whole: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    outcome: Callable[[Path], dict[str, Any]],
    moment: str,
    number: int,
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
