"""The road with networks of cells: search, decode, retrain; auxiliary head and drop-path."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main

SOLVER = {"solver": {"name": "Momentum", "lr": 0.05}, "grad_clip": 5.0}
CONFIG: dict[str, Any] = {
    "dataset": {"name": "synthetic", "n_classes": 3, "n_train": 64, "n_test": 16},
    "input_shape": [2, 8, 8],
    "epoch": 1,
    "batch_size_train": 16,
    "batch_size_valid": 16,
    "context": "cpu",
    "network": {
        "search_space": "darts",
        "init_channels": 2,
        "num_cells": 3,
        "num_choices": 2,
        "multiplier": 2,
    },
    "optimizer": {
        "train": SOLVER,
        "warmup": SOLVER,
        "valid": {"solver": {"name": "Adam", "alpha": 0.1}},
    },
}


def config(**network: Any) -> dict[str, Any]:
    return {**CONFIG, "network": {**CONFIG["network"], **network}}


def run(content: dict[str, Any], output: Path, *flags: str) -> int:
    path = output.with_name(f"{output.name}.json")
    path.write_text(json.dumps(content))
    return main(["-f", str(path), "-o", str(output), *flags])


def words(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text())
    return content


@pytest.mark.parametrize(
    ("algorithm", "network"),
    [
        ("DartsSearcher", {"shared": True}),
        ("DartsSearcher", {"shared": False}),
        ("ProxylessNasSearcher", {"shared": True, "mode": "sample"}),
        ("ProxylessNasSearcher", {"shared": False, "mode": "sample"}),
    ],
)
def test_what_a_search_finds_is_what_its_printed_command_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str, network: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(config(**network), tmp_path / "search", "-a", algorithm) == 0
    found = words(tmp_path / "search", "arch.json")
    assert found["uncounted"] == []
    _, _, *arguments = shlex.split(words(tmp_path / "search", "result.json")["retrain"])
    assert main(arguments) == 0
    trained = words(tmp_path / "train", "arch.json")
    for key in ("parameters", "multiply_adds"):
        assert trained[key] == found[key]
    if network == {"shared": False, "mode": "sample"}:
        assert [c["index"] for c in trained["choices"]] == [c["index"] for c in found["choices"]]
    else:
        for key in ("normal_alpha", "reduce_alpha"):
            assert trained[key] == found[key]


@pytest.mark.parametrize(
    ("algorithm", "network"),
    [
        ("DartsSearcher", {"shared": False}),
        ("ProxylessNasSearcher", {"shared": True, "mode": "sample"}),
    ],
)
def test_a_genotype_keeps_a_hard_bound_also_when_it_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str, network: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)

    def search(name: str, bound: float) -> int:
        speed = {"name": "FLOPsEstimator", "bound": bound, "weight": 0.0, "hard": True}
        content = {**config(**network), "regularizer": {"speed": speed}}
        return run(content, tmp_path / name, "-a", algorithm)

    assert search("free", 1e9) == 0
    free = words(tmp_path / "free", "arch.json")
    bound = 0.9 * free["multiply_adds"]
    assert search("search", bound) == 0
    found = words(tmp_path / "search", "arch.json")
    assert found["constraints"]["speed"]["met"]
    assert found["multiply_adds"] <= bound
    _, _, *arguments = shlex.split(words(tmp_path / "search", "result.json")["retrain"])
    assert main(arguments) == 0
    trained = words(tmp_path / "train", "arch.json")
    assert trained["multiply_adds"] == found["multiply_adds"]
    for key in ("normal_alpha", "reduce_alpha"):
        assert trained[key] == found[key]
    assert (tmp_path / "search" / "pareto.png").exists()
    assert search("impossible", 1.0) == 3


def training(**changes: Any) -> dict[str, Any]:
    content = config(auxiliary=True, drop_path=0.4, **changes)
    return {**content, "input_shape": [2, 32, 32], "algorithm": "Trainer"}


@pytest.mark.parametrize("space", ["darts", "pnas"])
def test_a_training_gives_the_same_bytes_for_the_same_seed(tmp_path: Path, space: str) -> None:
    def weights(name: str, *flags: str) -> bytes:
        assert run(training(search_space=space), tmp_path / name, *flags) == 0
        return (tmp_path / name / "weights.h5").read_bytes()

    first = weights("first", "-x", "aux_weight=0.4")
    assert weights("again", "-x", "aux_weight=0.4") == first
    assert weights("without", "-x", "aux_weight=0.0") != first


def test_images_too_small_for_the_auxiliary_head_are_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for flags in ([], ["--dry-run"]):
        assert run(config(auxiliary=True), tmp_path / "out", "-a", "Trainer", *flags) == 2
        lines = [line for line in capfd.readouterr().err.splitlines() if "auxiliary" in line]
        assert len(lines) == 1
        assert "8x8" in lines[0]
        assert not (tmp_path / "out").exists()


def test_a_foreign_architecture_file_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    genotype = tmp_path / "arch.json"
    genotype.write_text(json.dumps({"choices": []}))
    content = config(genotype=str(genotype))
    assert run(content, tmp_path / "out", "-a", "Trainer") == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if "arch.json" in line]
    assert len(lines) == 1
    assert "normal_alpha" in lines[0]
    assert not (tmp_path / "out").exists()
