"""A small trained network of each search space."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nnabla as nn
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.cli import main
from nnabla_nas.search_space import ClassificationModel

SPACES: dict[str, dict[str, Any]] = {
    "darts": {"init_channels": 2, "num_cells": 3, "num_choices": 3, "drop_path": 0.2},
    "pnas": {"init_channels": 2, "num_cells": 3, "num_choices": 3, "multiplier": 3},
    "zoph": {
        "stem_channels": 4,
        "cells": ["ZophCell", "ZophCell"],
        "cell_depth": [3, 3],
        "cell_channels": [4, 8],
        "reducing": [False, True],
    },
    "random_wired": {"n_vertices": 8, "min_channels": 4, "max_channels": 8},
}
SPACES["darts"]["multiplier"] = 3


@pytest.fixture(scope="session")
def trained_of_space(
    tmp_path_factory: pytest.TempPathFactory, trained_folder: Path, small_search: dict[str, Any]
) -> dict[str, Path]:
    """Return by space the folder of a training on real images; not to be changed."""
    folders = {"mobilenet": trained_folder}
    root = tmp_path_factory.mktemp("spaces")
    for space, arguments in SPACES.items():
        content = {
            **small_search,
            "algorithm": "Trainer",
            "epoch": 1,
            "network": {"search_space": space, **arguments},
        }
        (root / f"{space}.json").write_text(json.dumps(content))
        folders[space] = root / space
        flags = ["-f", str(root / f"{space}.json"), "-o", str(folders[space]), "--no-visualize"]
        assert main(flags) == 0
    return folders


class _FirstImageAlone(ClassificationModel):
    def __init__(self) -> None:
        self.head = Mo.Linear(4, 2)

    def call(self, x: nn.Variable) -> nn.Variable:
        return self.head(x[:1])


@pytest.fixture
def first_image_alone() -> ClassificationModel:
    """Return a network that sees the first image of a batch alone, of four pixels."""
    return _FirstImageAlone()
