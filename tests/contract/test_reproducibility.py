"""One seed, one result: every searcher on every space that it can search, and the trainer on all.

The spaces are those of the contract, at their smallest; two updates an epoch are enough to go
through every part of an update twice.
"""

from __future__ import annotations

from typing import Any

import pytest

from nnabla_nas.testing import check_seeds, small_experiment

MOBILENET = {
    "search_space": "mobilenet",
    "settings": [[8, 2, 2]],
    "width_mult": 0.25,
    "candidates": ["MB1 3x3", "MB3 3x3"],
    "drop_rate": 0.1,
}
CELLS = {
    "init_channels": 2,
    "num_cells": 3,
    "num_choices": 1,
    "multiplier": 1,
    "stem_multiplier": 1,
}
DARTS: dict[str, Any] = {"search_space": "darts", **CELLS}
PNAS = {"search_space": "pnas", **CELLS}
ZOPH: dict[str, Any] = {
    "search_space": "zoph",
    "stem_channels": 2,
    "cells": ["ZophCell"],
    "cell_depth": [1],
    "cell_channels": [2],
    "reducing": [True],
    "candidates": ["SepConv3x3", "MaxPool3x3", "Zero"],
}
WIRED = {
    "search_space": "random_wired",
    "n_vertices": 4,
    "k": 2,
    "min_channels": 2,
    "max_channels": 4,
}
REINFORCE = {"name": "ProxylessNasSearcher", "arch_samples": 2}
GATE = {"name": "ProxylessNasSearcher", "update": "gate"}
FIRST_ORDER = {"name": "DartsSearcher"}
SECOND_ORDER = {"name": "DartsSearcher", "order": 2}
TRAINER = {"name": "Trainer"}

RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mobilenet, reinforce": (REINFORCE, MOBILENET),
    "mobilenet, gate": (GATE, MOBILENET),
    "mobilenet, first order": (FIRST_ORDER, {**MOBILENET, "mode": "full"}),
    "mobilenet, second order": (SECOND_ORDER, {**MOBILENET, "mode": "full"}),
    "mobilenet, trainer": (TRAINER, MOBILENET),
    "darts, reinforce": (REINFORCE, {**DARTS, "mode": "sample", "shared": True}),
    "darts, gate": (GATE, {**DARTS, "mode": "sample", "shared": True}),
    "darts, first order": (FIRST_ORDER, {**DARTS, "shared": True}),
    "darts, second order": (SECOND_ORDER, {**DARTS, "shared": True}),
    "darts, trainer": (TRAINER, {**DARTS, "drop_path": 0.2}),
    "pnas, reinforce": (REINFORCE, PNAS),
    "pnas, gate": (GATE, PNAS),
    "pnas, first order": (FIRST_ORDER, {**PNAS, "mode": "full"}),
    "pnas, second order": (SECOND_ORDER, {**PNAS, "mode": "full"}),
    "pnas, trainer": (TRAINER, {**PNAS, "drop_path": 0.2}),
    "zoph, reinforce": (REINFORCE, ZOPH),
    "zoph, gate": (GATE, ZOPH),
    "zoph, first order": (FIRST_ORDER, {**ZOPH, "mode": "linear"}),
    "zoph, second order": (SECOND_ORDER, {**ZOPH, "mode": "linear"}),
    "zoph, trainer": (TRAINER, ZOPH),
    "random_wired, trainer": (TRAINER, WIRED),
}


@pytest.mark.parametrize("name", RUNS)
def test_one_seed_one_result_and_another_seed_another(name: str) -> None:
    algorithm, network = RUNS[name]
    changes = {"warmup": 0, "epoch": 1, "train_portion": 0.5}
    check_seeds(small_experiment(algorithm, network, changes))
