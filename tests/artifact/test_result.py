from __future__ import annotations

import json
import math
import shlex
from pathlib import Path

import pytest

from nnabla_nas.artifact import Result, RunFolder, retrain_command


def test_result_keeps_the_sets_apart_and_is_json() -> None:
    result = Result(
        status="diverged",
        algorithm="Trainer",
        search=False,
        seed=7,
        metrics={"train": {"loss": math.nan, "error": 0.5}, "test": {"loss": 0.5, "error": 0.25}},
        epochs=3,
        updates=60,
        wall_clock_seconds=1.5,
        device_seconds=1.25,
        parameters=10,
        multiply_adds=20,
        uncounted=("TopKData",),
        weights_epoch=2,
    )
    assert json.loads(json.dumps(result.to_json(), allow_nan=False)) == {
        "status": "diverged",
        "algorithm": "Trainer",
        "search": False,
        "seed": 7,
        "metrics": {
            "train": {"loss": None, "error": 0.5},
            "valid": None,
            "test": {"loss": 0.5, "error": 0.25},
        },
        "epochs": 3,
        "updates": 60,
        "wall_clock_seconds": 1.5,
        "device_seconds": 1.25,
        "parameters": 10,
        "multiply_adds": 20,
        "uncounted": ["TopKData"],
        "constraints": {},
        "weights_epoch": 2,
        "retrain": None,
        "stopped": None,
        "judged": None,
    }


def test_retrain_command_names_the_files_of_the_run() -> None:
    command = retrain_command(RunFolder("log/my nets/search"), "out put")
    assert "'log/my nets/search/config.json'" in command
    assert shlex.split(command) == [
        *("python", "main.py", "-f", "log/my nets/search/config.json"),
        *("-a", "Trainer", "--no-search", "-x", "train_portion=1.0"),
        *("-x", "network.genotype=log/my nets/search/arch.h5", "-o", "out put"),
    ]


def test_retrain_command_says_what_else_the_training_changes() -> None:
    command = retrain_command(RunFolder("log/search"), changes={"network.search_space": "pnas"})
    assert "-x network.search_space=pnas" in command
    assert "-x network.genotype=log/search/arch.h5" in command


@pytest.mark.parametrize(
    ("folder", "output"),
    [
        ("log/mobilenet/search", "log/mobilenet/train"),
        ("log/search-3", "log/search-3-train"),
        ("log", "log-train"),
    ],
)
def test_default_output_of_the_retrain_command(folder: str, output: str) -> None:
    assert shlex.split(retrain_command(RunFolder(folder)))[-1] == output


def test_the_current_folder_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "search").mkdir()
    monkeypatch.chdir(tmp_path / "search")
    assert shlex.split(retrain_command(RunFolder(".")))[-1] == str(tmp_path / "train")
