"""Augmentations in the JSON: by name, of one's own, checked, and written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.dataset.augmentation import Augmentation
from nnabla_nas.registry import register_transform, transforms


class Darker(Augmentation):
    """Take something off every pixel."""

    takes = "pixels"

    def __init__(self, by: int = 10) -> None:
        self._by = by

    def __call__(self, images: Any, rng: np.random.Generator) -> Any:
        return np.maximum(images, self._by) - np.uint8(self._by)


if "darker" not in transforms.names():
    register_transform("darker")(Darker)


@pytest.fixture
def training(search_json: dict[str, Any]) -> dict[str, Any]:
    """Return a training on small images, of which some are kept back."""
    data = {"name": "synthetic", "n_train": 64, "n_test": 16}
    sizes = {"batch_size_train": 16, "mini_batch_train": 16}
    sizes |= {"batch_size_valid": 16, "mini_batch_valid": 16}
    return {
        **search_json,
        **sizes,
        "dataset": data,
        "input_shape": [3, 12, 12],
        "algorithm": "Trainer",
        "epoch": 2,
    }


def run(config: dict[str, Any], output: Path, *flags: str) -> int:
    path = output.with_name(f"{output.name}.json")
    path.write_text(json.dumps(config))
    return main(["-f", str(path), "-o", str(output), "--no-visualize", *flags])


def test_a_run_says_what_it_did_and_is_reproduced_by_it(
    tmp_path: Path, training: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    chain = ["darker", {"name": "ColorJitter", "hue": 0.1}, "Normalize", "RandomErasing"]
    training |= {"transforms": chain, "cutout": 4}
    assert run(training, tmp_path / "a") == 0
    said = capsys.readouterr()
    assert "cutout is not used" in said.out + said.err
    written = json.loads((tmp_path / "a" / "config.json").read_text())
    assert written["transforms"][0] == {"name": "darker", "by": 10}
    assert written["transforms"][3]["probability"] == 0.5
    flags = ["-o", str(tmp_path / "b"), "--no-visualize"]
    assert main(["-f", str(tmp_path / "a" / "config.json"), *flags]) == 0
    assert run({**training, "transforms": []}, tmp_path / "none") == 0
    weights = [(tmp_path / name / "weights.h5").read_bytes() for name in ("a", "b", "none")]
    assert weights[0] == weights[1] != weights[2]


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ("RandomCrop", "transforms"),
        (["RandomCorp"], "did you mean 'RandomCrop'?"),
        ([{"name": "RandomCrop", "padding": 4}], "transforms.0.padding: unknown argument"),
        ([{"name": "RandomCrop", "pad": -1}], "transforms.0.pad: got -1; allowed an integer >= 0"),
        (["Cutout"], "transforms.0.length: is missing"),
        ([{"name": "RandomErasing", "smallest": 0.9}], "transforms.0: smallest: got 0.9"),
        ([{"name": "Resize", "size": 20}], "images of 3x20x20 come out"),
        ([3], "transforms.0"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    chain: Any,
    said: str,
    tmp_path: Path,
    training: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run({**training, "transforms": chain}, tmp_path / "a") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
