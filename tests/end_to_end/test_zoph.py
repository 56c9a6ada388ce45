"""The zoph space on the main road: both searchers, the trainer, and what stands in when dry."""

from __future__ import annotations

import copy
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.module.parameter_file import read_parameters

NETWORK = {
    "search_space": "zoph",
    "stem_channels": 4,
    "cells": ["ZophCell"],
    "cell_depth": [2],
    "cell_channels": [4],
    "reducing": [True],
    "candidates": ["SepConv3x3", "MaxPool3x3", "Identity", "Zero"],
}
BLOCKS = ["3/2", "3/3"]


@pytest.fixture
def zoph_json(search_json: dict[str, Any]) -> dict[str, Any]:
    """Return a small search of the zoph space on digits."""
    search_json |= {"network": copy.deepcopy(NETWORK), "epoch": 1, "warmup": 0}
    return search_json


def run(config: dict[str, Any], output: Path, *flags: str) -> int:
    path = output.with_name(f"{output.name}.json")
    path.write_text(json.dumps(config))
    return main(["-f", str(path), "-o", str(output), "--no-visualize", *flags])


def retrain(folder: Path, *flags: str) -> int:
    command = shlex.split(json.loads((folder / "result.json").read_text())["retrain"])
    return main([*command[2:], "--no-visualize", "-x", "epoch=1", *flags])


def test_a_sampled_search_is_retrained_and_continued(
    tmp_path: Path, zoph_json: dict[str, Any]
) -> None:
    assert run(zoph_json, tmp_path / "search") == 0
    written = json.loads((tmp_path / "search" / "config.json").read_text())["network"]
    assert written["cells"] == ["ZophCell"]
    assert written["input_shape"] == [1, 8, 8]
    shapes = {f"{block}/_join_parameters": (4,) for block in BLOCKS}
    alphas = read_parameters(tmp_path / "search" / "arch.h5", shapes)
    assert any(alpha.any() for alpha in alphas.values())
    assert retrain(tmp_path / "search") == 0
    found, built = (
        json.loads((tmp_path / folder / "arch.json").read_text()) for folder in ("search", "train")
    )
    assert [c["path"] for c in found["choices"]] == BLOCKS
    assert [c["operation"] for c in built["choices"]] == [c["operation"] for c in found["choices"]]
    assert (built["parameters"], built["multiply_adds"]) == (
        found["parameters"],
        found["multiply_adds"],
    )
    zoph_json |= {"algorithm": "Trainer", "epoch": 0}
    zoph_json["network"] |= {
        "param_path": str(tmp_path / "search" / "arch.h5"),
        "weights": str(tmp_path / "train" / "weights.h5"),
    }
    assert run(zoph_json, tmp_path / "continue") == 0
    before, after = (
        (tmp_path / folder / "weights.h5").read_bytes() for folder in ("train", "continue")
    )
    assert before == after


def test_darts_searches_the_weighted_sum(tmp_path: Path, zoph_json: dict[str, Any]) -> None:
    zoph_json |= {"algorithm": "DartsSearcher"}
    zoph_json["network"]["mode"] = "linear"
    for name in ("search", "again"):
        assert run(zoph_json, tmp_path / name) == 0
    for file in ("arch.h5", "weights.h5"):
        contents = {(tmp_path / name / file).read_bytes() for name in ("search", "again")}
        assert len(contents) == 1
    shapes = {f"{block}/_join_parameters": (4,) for block in BLOCKS}
    alphas = read_parameters(tmp_path / "search" / "arch.h5", shapes)
    assert all(alpha.any() for alpha in alphas.values())
    assert retrain(tmp_path / "search") == 0


def test_random_networks_follow_seed_and_merging_mode(
    tmp_path: Path, zoph_json: dict[str, Any]
) -> None:
    zoph_json |= {"algorithm": "Trainer"}
    zoph_json["network"] |= {"random_init": True, "merging_mode": "add"}
    for name, seed in (("a", "0"), ("b", "0"), ("other", "5")):
        assert run(zoph_json, tmp_path / name, "--seed", seed) == 0
    weights = [(tmp_path / name / "weights.h5").read_bytes() for name in ("a", "b", "other")]
    assert weights[0] == weights[1] != weights[2]
    head = read_parameters(tmp_path / "a" / "weights.h5", {"4/_W": (10, 4, 1, 1)})
    assert np.isfinite(head["4/_W"]).all()


def test_a_dry_run_lets_others_stand_in_for_files_that_do_not_exist_yet(
    tmp_path: Path, zoph_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    zoph_json |= {"algorithm": "Trainer"}
    files = {"param_path": "no/arch.h5", "weights": "no/weights.h5"}
    zoph_json["network"] |= files
    assert run(zoph_json, tmp_path / "dry", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "no/arch.h5 does not exist yet: a random architecture stands in for it" in said
    assert "no/weights.h5 does not exist yet: fresh weights stand in for it" in said
    assert not (tmp_path / "dry").exists()
    assert run(zoph_json, tmp_path / "real") == 2
    assert "no/arch.h5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"candidates": ["SepConv3x3", "SepConv3x4"]}, "did you mean 'SepConv3x3'?"),
        ({"cells": ["ZofCell"]}, "did you mean 'ZophCell'?"),
        ({"cell_depth": [1, 2]}, "one for each of the 1 cells"),
        ({"mode": "full"}, "'linear', 'sample' or 'max'"),
        ({"join_parameters": [[1, 2]]}, "network.join_parameters"),
        ({"input_shape": [3, 8, 8]}, "network.input_shape"),
        ({"merging_mode": "mul"}, "'concat' or 'add'"),
    ],
)
def test_wrong_arguments_are_one_line(
    tmp_path: Path,
    zoph_json: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    words: str,
) -> None:
    zoph_json["network"] |= change
    assert run(zoph_json, tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert f"network.{next(iter(change))}" in error
    assert words in error


def test_two_architectures_at_once_are_refused(
    tmp_path: Path, zoph_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    zoph_json |= {"algorithm": "Trainer"}
    zoph_json["network"] |= {"param_path": "a.h5", "genotype": "b.h5"}
    assert run(zoph_json, tmp_path / "run") == 2
    assert "network.genotype" in capsys.readouterr().err
