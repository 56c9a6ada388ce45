"""The page on data of one's own says what is true."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnabla_nas.cli import main
from nnabla_nas.dataset.cifar10 import Cifar10
from nnabla_nas.dataset.folder import Folder
from nnabla_nas.dataset.imagenet import Imagenet
from nnabla_nas.registry import datasets
from nnabla_nas.testing import check_dataset

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "own_data.md"
TRAINING: dict[str, Any] = {
    "algorithm": "Trainer",
    "epoch": 1,
    "batch_size_train": 16,
    "context": "cpu",
    "network": {"search_space": "mobilenet", "settings": [[8, 1, 2]], "width_mult": 0.25},
    "optimizer": {"train": {"solver": {"name": "Momentum", "lr": 0.05}}},
}


def train(tmp_path: Path, dataset: Any, **more: Any) -> int:
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps({**TRAINING, "dataset": dataset, **more}))
    return main(["-f", str(path), "-o", str(tmp_path / "out"), "--no-visualize"])


@pytest.fixture
def stripes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Save the page's data set as the page says; it is forgotten after the test."""
    block = re.search(r":caption: my_stripes\.py\n\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    source = block[1]
    assert sum(bool(line.strip()) for line in source.splitlines()) <= 20
    (tmp_path / "my_stripes.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    entries = {name: entry for name, entry in datasets._entries.items() if name != "stripes"}
    monkeypatch.setattr(datasets, "_entries", entries)
    # Remembered by monkeypatch, and then taken away, so that it is imported here and forgotten.
    monkeypatch.setitem(sys.modules, "my_stripes", sys)
    del sys.modules["my_stripes"]
    return "my_stripes:stripes"


def test_a_data_set_of_twenty_lines_is_found_checked_and_learned(
    stripes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_dataset(datasets.get(stripes)(n_train=40))
    assert train(tmp_path, {"name": stripes, "n_train": 64, "n_test": 16}) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["metrics"]["test"]["examples"] == 16
    assert train(tmp_path, {"name": stripes, "n_trains": 64}) == 2
    assert "dataset.n_trains: unknown argument; allowed n_test, n_train" in capsys.readouterr().err


def test_a_folder_of_ones_own_is_learned_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        folder = tmp_path / "photos" / label
        folder.mkdir(parents=True)
        for number in range(12):
            shape = (40, 36, 3) if number == 7 else (32, 32) if number == 5 else (32, 32, 3)
            pixels = rng.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    photos = {"name": "folder", "path": str(tmp_path / "photos")}
    assert train(tmp_path, photos) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cat/5.png' has the shape [1, 32, 32], not [3, 32, 32]; set dataset.resize" in line
    assert not (tmp_path / "out").exists()
    assert train(tmp_path, {**photos, "resize": True}) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["metrics"]["test"]["examples"] == 5


@pytest.mark.parametrize("name", ["cifar10", "folder", "imagenet"])
def test_what_every_data_set_must_satisfy_holds_for_pictures(
    name: str, packer: Any, tmp_path: Path
) -> None:
    images, _ = packer.pictures("cifar10")
    rng = np.random.default_rng(0)
    noisy = [(rng.permuted(image, axis=2), number % 3) for image in images for number in range(6)]
    for part, pictures in (("train", noisy[:80]), ("test", noisy[80:])):
        for number, (image, label) in enumerate(pictures):
            folder = tmp_path / part / f"class {label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"{number}.png")
    train, test = str(tmp_path / "train"), str(tmp_path / "test")
    if name == "folder":
        check_dataset(Folder(str(tmp_path)))
    elif name == "imagenet":
        check_dataset(Imagenet(train, test, workers=0, reader="pillow", input_shape=(3, 24, 24)))
    else:
        pixels = np.stack([image for image, _ in noisy])
        labels = np.arange(len(noisy)) % 10
        records = np.concatenate([labels[:, None], pixels.reshape(len(pixels), -1)], axis=1)
        members = {
            f"cifar-10-batches-bin/{file}.bin": records[part::6].astype(np.uint8).tobytes()
            for part, file in enumerate(
                [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
            )
        }
        path = packer.archive(tmp_path / "own.tar.gz", members)
        check_dataset(Cifar10(str(path), n_train=100, n_test=20, verify=False))
