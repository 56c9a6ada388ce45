"""Studies of tiny experiments."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.study import process

TINY: dict[str, Any] = {
    "dataset": {"name": "synthetic", "n_train": 32, "n_test": 16},
    "algorithm": "Trainer",
    "epoch": 1,
    "batch_size_train": 16,
    "context": "cpu",
    "network": {
        "search_space": "mobilenet",
        "settings": [[8, 1, 2]],
        "width_mult": 0.25,
        "candidates": ["MB1 3x3", "MB3 3x3"],
        "stem_stride": 2,
    },
    "optimizer": {
        "train": {"solver": {"name": "Momentum", "lr": 0.1}},
        "valid": {"solver": {"name": "Adam", "alpha": 0.05}},
    },
}
SEARCH = {**TINY, "algorithm": "ProxylessNasSearcher", "batch_size_valid": 8}


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Return what writes a study beside the experiments `search.json` and `train.json`."""
    (tmp_path / "search.json").write_text(json.dumps(SEARCH))
    (tmp_path / "train.json").write_text(json.dumps(TINY))

    def write(content: dict[str, Any]) -> Path:
        path = tmp_path / "study.json"
        path.write_text(json.dumps({"output_path": str(tmp_path / "out"), **content}))
        return path

    return write


@pytest.fixture
def small_study() -> dict[str, Any]:
    """Return a study of a search, what it found, and a random architecture, one seed each."""
    return {
        "experiments": {
            "search": {"file": "search.json"},
            "found": {
                "file": "train.json",
                "after": "search",
                "set": {"network.genotype": "{search}/arch.h5"},
            },
            "random": {"file": "train.json"},
        }
    }


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stub in the place of main.py; return its folder."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copy(Path(__file__).parent / "stub.py", folder / "main.py")
    monkeypatch.setattr(process, "_ROOT", folder)
    return folder
