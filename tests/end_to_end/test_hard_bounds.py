"""A search with a hard bound: what it finds keeps the bound, also when it is trained."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.module.parameter_file import parameter_shapes, read_parameters

# What the cheapest architecture costs: the bound leaves no other.
BOUND = 27048


def search(
    content: dict[str, Any], folder: Path, bound: float, name: str = "FLOPsEstimator"
) -> int:
    speed = {"name": name, "bound": bound, "weight": 0.0, "hard": True}
    content |= {"epoch": 1, "warmup": 0, "regularizer": {"speed": speed}}
    config = folder.with_name(f"{folder.name}.json")
    config.write_text(json.dumps(content))
    return main(["-f", str(config), "-o", str(folder), "--no-visualize", "-c", "cpu"])


def test_the_printed_command_trains_a_network_within_the_bound(
    tmp_path: Path, search_json: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert search(search_json, tmp_path / "search", BOUND) == 0
    result = json.loads((tmp_path / "search" / "result.json").read_text())
    assert result["constraints"]["speed"]["met"]
    assert result["multiply_adds"] <= BOUND
    words = json.loads((tmp_path / "search" / "arch.json").read_text())
    arch = tmp_path / "search" / "arch.h5"
    alphas = read_parameters(arch, parameter_shapes(arch)).values()
    chosen = [choice["index"] for choice in words["choices"]]
    assert chosen != [int(np.argmax(alpha)) for alpha in alphas], "the bound does not bind"
    command = shlex.split(result["retrain"])
    assert command[:2] == ["python", "main.py"]
    assert main([*command[2:], "-x", "epoch=1", "--no-visualize"]) == 0
    trained = json.loads((tmp_path / "train" / "result.json").read_text())
    assert trained["multiply_adds"] == result["multiply_adds"]
    assert trained["constraints"]["speed"]["met"]


def test_a_bound_below_every_architecture_is_exit_3(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(search_json, tmp_path / "search", 10) == 3
    said = capsys.readouterr()
    assert "regularizer.speed: no architecture of this space" in said.out + said.err
    result = json.loads((tmp_path / "search" / "result.json").read_text())
    assert result["status"] == "finished"
    assert not result["constraints"]["speed"]["met"]


def test_a_peak_is_kept_and_swept_or_told_by_how_much(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    name = "ActivationMemoryEstimator"
    settings = [[16, 2, 1], [24, 1, 2], [32, 1, 2], [40, 1, 2]]
    search_json["network"] |= {"settings": settings, "stem_stride": 1, "width_mult": 1}
    search_json["network"]["candidates"] = ["MB6 3x3", "MB3 3x3", "MB1 3x3"]
    # Before and after batch normalisation: 32 channels of 8 x 8, which every architecture has.
    fixed = 4 * 2 * 32 * 8 * 8
    assert search(search_json, tmp_path / "free", 1e9, name) == 0
    assert search(search_json, tmp_path / "met", 1.6 * fixed, name) == 0
    free, met = (
        json.loads((tmp_path / folder / "result.json").read_text())["constraints"]["speed"]
        for folder in ("free", "met")
    )
    assert fixed < met["value"] <= 1.6 * fixed < free["value"]
    assert met["met"]
    pareto = (tmp_path / "met" / "pareto.csv").read_text().splitlines()
    assert pareto[0].split(",")[3] == "speed (bytes)"
    assert len(pareto) > 2
    capsys.readouterr()
    assert search(search_json, tmp_path / "missed", fixed / 2, name) == 3
    said = capsys.readouterr()
    assert f"the decoded one costs {fixed:,} bytes, {fixed / 2:,.0f} bytes (100.00%) above" in (
        said.out + said.err
    )
