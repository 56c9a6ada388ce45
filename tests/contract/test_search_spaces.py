"""Every space of the package, in every mode, runs through the contract."""

from __future__ import annotations

from typing import Any

import pytest

from nnabla_nas.registry import search_spaces
from nnabla_nas.testing import (
    check_gradients,
    check_network,
    check_no_idle_tensor,
    check_search_space,
)

SHAPE = (1, 8, 8)

MOBILENET: dict[str, Any] = {
    "num_classes": 4,
    "in_channels": 1,
    "settings": [[8, 2, 1], [8, 1, 2]],
    "width_mult": 0.25,
    "candidates": ["MB1 3x3", "MB3 5x5"],
    "stem_stride": 1,
    "drop_rate": 0.1,
}
CELLS: dict[str, Any] = {
    "in_channels": 1,
    "init_channels": 2,
    "num_cells": 3,
    "num_classes": 4,
    "num_choices": 2,
    "multiplier": 2,
    "stem_multiplier": 1,
}
ZOPH: dict[str, Any] = {
    "input_shape": SHAPE,
    "n_classes": 4,
    "stem_channels": 2,
    "cells": ["ZophCell", "ZophCell"],
    "cell_depth": [2, 1],
    "cell_channels": [2, 4],
    "reducing": [False, True],
}
WIRED: dict[str, Any] = {
    "input_shape": SHAPE,
    "n_classes": 4,
    "n_vertices": 6,
    "k": 2,
    "min_channels": 2,
    "max_channels": 4,
}
SPACES: dict[str, tuple[str, dict[str, Any]]] = {
    "mobilenet-sample": ("mobilenet", MOBILENET),
    "mobilenet-full": ("mobilenet", {**MOBILENET, "mode": "full"}),
    "mobilenet-max": ("mobilenet", {**MOBILENET, "mode": "max"}),
    "mobilenet-smoothed": ("mobilenet", {**MOBILENET, "label_smoothing": 0.1}),
    "darts-shared-full": ("darts", {**CELLS, "shared": True}),
    "darts-full": ("darts", CELLS),
    "darts-shared-sample": ("darts", {**CELLS, "shared": True, "mode": "sample"}),
    "pnas-sample": ("pnas", CELLS),
    "zoph-sample": ("zoph", ZOPH),
    "zoph-linear": ("zoph", {**ZOPH, "mode": "linear"}),
    "zoph-max": ("zoph", {**ZOPH, "mode": "max"}),
    "zoph-add": ("zoph", {**ZOPH, "merging_mode": "add"}),
    "random_wired": ("random_wired", WIRED),
    "random_wired-erdos_renyi": ("random_wired", {**WIRED, "graph": "erdos_renyi", "p": 0.5}),
    "random_wired-barabasi_albert": ("random_wired", {**WIRED, "graph": "barabasi_albert"}),
}


def test_no_space_is_left_out() -> None:
    ours = {
        name
        for name in search_spaces.names()
        if search_spaces.entry(name).load().__module__.startswith("nnabla_nas.search_space")
    }
    assert ours == {space for space, _ in SPACES.values()}


@pytest.mark.parametrize("name", SPACES)
def test_a_space_satisfies_the_contract(name: str) -> None:
    space, arguments = SPACES[name]
    check_search_space(space, arguments, SHAPE)


@pytest.mark.parametrize("space", ["darts", "pnas"])
def test_an_auxiliary_head_and_drop_path_satisfy_it_too(space: str) -> None:
    arguments: dict[str, Any] = {**CELLS, "in_channels": 3, "auxiliary": True}
    arguments |= {"drop_path": 0.2, "drop_path_schedule": "constant"}
    train, shape = search_spaces.get(space).TrainNet, (3, 32, 32)
    check_network(train, arguments, shape)
    check_gradients(train, arguments, shape)
    check_no_idle_tensor(train, arguments, shape)
