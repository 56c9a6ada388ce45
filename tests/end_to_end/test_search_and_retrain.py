"""The main road: search, look at the folder, retrain by the printed command, reproduce."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np
import pytest
from PIL import Image

from nnabla_nas.cli import main

FILES = {
    "config.json",
    "log.txt",
    "tensorboard",
    "arch.h5",
    "arch.json",
    "arch.png",
    "arch.dot",
    "weights.h5",
    "result.json",
    "SHA256SUMS",
    "trajectory.csv",
    "checkpoint",
}


def run(config: dict[str, Any] | Path, output: Path, *flags: str) -> int:
    if isinstance(config, dict):
        path = output.with_name(f"{output.name}.json")
        path.write_text(json.dumps(config))
        config = path
    return main(["-f", str(config), "-o", str(output), *flags])


@pytest.fixture
def searched(tmp_path: Path, search_json: dict[str, Any]) -> Path:
    """Return the folder of a finished search."""
    assert run(search_json, tmp_path / "search") == 0
    return tmp_path / "search"


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trajectory.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_search_fills_its_folder(
    searched: Path, tensorboard: Callable[[Path, str], Callable[[str], Any]]
) -> None:
    assert {path.name for path in searched.iterdir()} == FILES
    words = json.loads((searched / "arch.json").read_text())
    assert [choice["path"] for choice in words["choices"]] == [
        f"_features/{i}/_mixed" for i in (2, 3, 4)
    ]
    assert words["parameters"] > 0
    assert words["multiply_adds"] > 0
    assert words["uncounted"] == []
    with nn.parameter_scope("", {}):
        nn.load_parameters(str(searched / "arch.h5"))
        alphas = nn.get_parameters(grad_only=False)
        assert list(alphas) == [f"_features/{i}/_mixed/_alpha" for i in (2, 3, 4)]
        for choice, alpha in zip(words["choices"], alphas.values(), strict=True):
            assert choice["index"] == int(np.argmax(alpha.d))
    with Image.open(searched / "arch.png") as picture:
        assert min(picture.size) > 100
    epochs = [(row["phase"], row["epoch"], row["step"]) for row in rows(searched)]
    assert epochs == [("warmup", "1", "2"), ("search", "1", "4"), ("search", "2", "6")]
    assert rows(searched)[0]["reward"] == ""
    assert 0 <= float(rows(searched)[2]["reward"]) <= 1
    result = json.loads((searched / "result.json").read_text())
    assert result["status"] == "finished"
    assert result["epochs"] == 3
    assert result["updates"] == 6
    assert result["metrics"]["test"] is None
    assert result["metrics"]["valid"]["error"] == float(rows(searched)[2]["error_valid"])
    assert not (searched / "log.txt").read_text().count("Traceback")
    ask = tensorboard(searched.parent, "search/tensorboard")
    tags = set(ask("scalars/tags")["search/tensorboard"])
    assert tags >= {"loss/train", "error/valid", "reward", "arch/entropy", "arch/changes"}
    assert tags >= {"learning_rate/warmup", "learning_rate/search"}
    series = ask("scalars/scalars?tag=loss%2Ftrain&run=search%2Ftensorboard")
    assert [step for _, step, _ in series] == [2, 4, 6]
    images = ask("images/tags")["search/tensorboard"]
    assert set(images) == {"arch", "arch/probabilities"}


def test_the_printed_command_retrains_the_architecture_found(
    searched: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = shlex.split(json.loads((searched / "result.json").read_text())["retrain"])
    assert command[:2] == ["python", "main.py"]
    assert main([*command[2:], "-x", "epoch=1"]) == 0
    trained = searched.with_name("train")
    assert {path.name for path in trained.iterdir()} == FILES - {"arch.h5"}
    found = json.loads((searched / "arch.json").read_text())
    built = json.loads((trained / "arch.json").read_text())
    assert [c["operation"] for c in built["choices"]] == [c["operation"] for c in found["choices"]]
    assert built["parameters"] == found["parameters"]
    assert built["multiply_adds"] == found["multiply_adds"]
    result = json.loads((trained / "result.json").read_text())
    assert result["metrics"]["test"]["examples"] == 360
    assert "warmup" in capsys.readouterr().out  # what the trainer does not use is said


def read(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "arch.h5").read_bytes(), (folder / "weights.h5").read_bytes()


def test_one_seed_one_result_and_the_written_config_reproduces_it(
    tmp_path: Path, search_json: dict[str, Any]
) -> None:
    for name, flags in (("a", ()), ("b", ()), ("other", ("--seed", "1"))):
        assert run(search_json, tmp_path / name, "--no-visualize", *flags) == 0
    assert run(tmp_path / "other" / "config.json", tmp_path / "again", "--no-visualize") == 0
    assert read(tmp_path / "a") == read(tmp_path / "b")
    assert read(tmp_path / "other") == read(tmp_path / "again")
    for one, two in zip(read(tmp_path / "a"), read(tmp_path / "other"), strict=True):
        assert one != two
    assert not (tmp_path / "a" / "arch.png").exists()
    written = json.loads((tmp_path / "a" / "config.json").read_text())
    assert written["environment"]["versions"]["nnabla"] == "1.39.0"
    assert len(written["environment"]["data_checksum"]) == 64
    assert written["network"]["num_classes"] == 10
    assert written["network"]["in_channels"] == 1


def test_training_a_random_architecture_reproduces_too(
    tmp_path: Path, search_json: dict[str, Any]
) -> None:
    search_json |= {"algorithm": "Trainer", "epoch": 1, "cutout": 2, "train_portion": 0.9}
    for name in ("a", "b"):
        assert run(search_json, tmp_path / name, "--no-visualize") == 0
    assert (tmp_path / "a/weights.h5").read_bytes() == (tmp_path / "b/weights.h5").read_bytes()


def test_a_run_that_diverges_says_where(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    search_json["optimizer"]["warmup"] = {"solver": {"name": "Sgd", "lr": 1e30}}
    assert run(search_json, tmp_path / "run", "--no-visualize") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "at update" in error
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["status"] == "diverged"


def test_an_unforeseen_error_is_one_line_and_its_traceback_is_in_the_log(
    tmp_path: Path,
    search_json: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("Out of memory, or so\nit seems")

    monkeypatch.setattr("nnabla_nas.runner.graph.Graph.backward", fail)
    assert run(search_json, tmp_path / "run") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: out of memory; lower mini_batch_train")
    assert error.count("\n") == 1
    assert "Traceback" in (tmp_path / "run" / "log.txt").read_text()


def test_a_dry_run_writes_nothing_and_reads_no_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).parents[2]
    for path in sorted((root / "examples").glob("*.json")):
        assert main(["-f", str(path), "--dry-run", "-c", "cpu"]) == 0, path
    assert list(tmp_path.iterdir()) == []
    assert "2,236,682" in capsys.readouterr().out
