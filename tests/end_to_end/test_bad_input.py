"""Wrong input: one line per fault, exit code 2, nothing written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.artifact import RunFolder
from nnabla_nas.cli import main

Change = Callable[[dict[str, Any]], Any]


def setting(path: str, value: Any) -> Change:
    def change(config: dict[str, Any]) -> None:
        *keys, last = path.split(".")
        for key in keys:
            config = config[key]
        config[last] = value

    return change


def trainer(**network: Any) -> Change:
    def change(config: dict[str, Any]) -> None:
        config["algorithm"] = "Trainer"
        config["network"] |= network

    return change


FAULTS: dict[str, tuple[Change, tuple[str, ...]]] = {
    "unknown key": (setting("epochs", 3), ("epochs", "did you mean 'epoch'")),
    "unknown option": (setting("network.setings", []), ("network.setings", "settings")),
    "wrong type": (setting("epoch", "two"), ("epoch", '"two"')),
    "mini-batch": (setting("mini_batch_train", 100), ("mini_batch_train", "100", "256")),
    "solver": (
        setting("optimizer.train.solver.name", "Momentun"),
        ("optimizer.train.solver", "did you mean 'Momentum'"),
    ),
    "solver argument": (
        setting("optimizer.train.solver.momentun", 0.9),
        ("optimizer.train.solver.momentun", "momentum"),
    ),
    "scheduler": (
        setting("optimizer.train.lr_scheduler", {"name": "Cosine"}),
        ("optimizer.train.lr_scheduler", "CosineScheduler"),
    ),
    "candidate": (
        setting("network.candidates", ["MB6 3x4"]),
        ("network.candidates", "MB6 3x4", "did you mean"),
    ),
    "classes": (setting("network.num_classes", 7), ("network.num_classes", "7", "10")),
    "data set": (setting("dataset", "digit"), ("dataset", "did you mean 'digits'")),
    "space": (setting("network.search_space", "mobilnet"), ("did you mean 'mobilenet'",)),
    "algorithm option": (setting("algorithm.arch_samples", 0), ("algorithm.arch_samples", "0")),
    "mode of DARTS": (
        setting("algorithm", "DartsSearcher"),
        ("network.mode", "'full'", "'linear'", "DartsSearcher"),
    ),
    "mode of ProxylessNAS": (
        setting("network.mode", "full"),
        ("network.mode", "'sample'", "ProxylessNasSearcher"),
    ),
    "order": (
        setting("algorithm", {"name": "DartsSearcher", "order": 3}),
        ("algorithm.order", "3"),
    ),
    "missing phase": (setting("optimizer.valid", None), ("optimizer", "'valid'", "needs")),
    "part too small": (setting("batch_size_valid", 100_000), ("batch_size_valid", "100000")),
    "missing data": (
        setting("dataset", {"name": "cifar10", "path": "nowhere.tar.gz"}),
        ("dataset.path", "nowhere.tar.gz", "cifar-10-python.tar.gz"),
    ),
    "cutout": (setting("cutout", 9), ("cutout", "9")),
    "genotype": (trainer(genotype="nowhere/arch.h5"), ("nowhere/arch.h5",)),
    "weights": (trainer(weights="nowhere/weights.h5"), ("nowhere/weights.h5",)),
    "searcher": (setting("search", False), ("search", "ProxylessNasSearcher")),
}


GOOD = """{
  "epoch": 1,
  "network": {"search_space": "mobilenet"},
  "optimizer": {"train": {"solver": "Sgd"}}"""


def attempt(content: str | bytes, tmp_path: Path, *flags: str) -> int:
    path = tmp_path / "experiment.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return main(["-f", str(path), "-o", str(tmp_path / "out"), *flags])


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_one_line_that_says_what_is_allowed(
    name: str, tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    change, words = FAULTS[name]
    change(search_json)
    assert attempt(json.dumps(search_json), tmp_path) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    for word in words:
        assert word in error
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.json"]


def test_faults_of_one_stage_are_told_together(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    search_json |= {"epochs": 1, "warmup": -1, "dataset": "none"}
    assert attempt(json.dumps(search_json), tmp_path, "-x", "seed=x", "-c", "gpu") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 5
    for key in ("epochs", "warmup", "dataset", "seed", "context"):
        assert key in error


@pytest.mark.parametrize(
    "content", [GOOD + ', "epoch": 2}', GOOD + ', "seed": NaN}', GOOD, "", "[]", b"\xff\xfe"]
)
def test_what_is_no_experiment(
    content: str | bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attempt(content, tmp_path) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_cudnn_without_cuda(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    if Path("/dev/nvidia0").exists():
        pytest.skip("this machine has a GPU")
    assert attempt(json.dumps(search_json), tmp_path, "-c", "cudnn") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cudnn" in error
    assert not (tmp_path / "out").exists()


def test_an_explicit_gpu_with_context_auto_runs_on_the_cpu_and_says_so(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    if Path("/dev/nvidia0").exists():
        pytest.skip("this machine has a GPU")
    content = json.dumps({**search_json, "context": "auto"})
    assert attempt(content, tmp_path, "-d", "0", "--dry-run") == 0
    assert capsys.readouterr().out.count("CPU") >= 1


def test_output_folders_that_cannot_be_used(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.dumps(search_json)
    (tmp_path / "out").write_text("a file")
    assert attempt(content, tmp_path) == 2
    assert (tmp_path / "out").read_text() == "a file"
    (tmp_path / "out").unlink()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.json").write_text("{}")
    assert attempt(content, tmp_path) == 2
    (tmp_path / "out" / "config.json").unlink()
    with RunFolder(tmp_path / "out"):
        assert attempt(content, tmp_path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "in use" in lines[2]
    if os.geteuid() != 0:
        (tmp_path / "out").chmod(0o500)
        assert attempt(content, tmp_path) == 2


def test_an_architecture_of_another_network(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert attempt(json.dumps({**search_json, "epoch": 0, "warmup": 0}), tmp_path) == 0
    genotype = str(tmp_path / "out" / "arch.h5")
    trainer(genotype=genotype, settings=[[8, 3, 2]])(search_json)
    capsys.readouterr()
    path = tmp_path / "train.json"
    path.write_text(json.dumps(search_json))
    assert main(["-f", str(path), "-o", str(tmp_path / "train")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") >= 1
    assert all(genotype in line for line in error.splitlines())
    assert not (tmp_path / "train").exists()
