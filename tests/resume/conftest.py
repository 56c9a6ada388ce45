"""A tiny search, and what must be equal of two runs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Two updates an epoch, each of two passes.
TINY = {
    "dataset": {"name": "synthetic", "n_train": 64, "n_test": 16},
    "input_shape": [1, 8, 8],
    "batch_size_train": 16,
    "batch_size_valid": 16,
    "mini_batch_train": 8,
    "mini_batch_valid": 16,
}


@pytest.fixture(scope="session")
def tiny_search(small_search: dict[str, Any]) -> dict[str, Any]:
    """Return a search of one warm-up epoch and two others; not to be changed."""
    network = {**small_search["network"], "settings": [[8, 1, 2], [16, 1, 2]]}
    return {**small_search, **TINY, "network": network}


@pytest.fixture(scope="session")
def outcome() -> Callable[[Path], dict[str, Any]]:
    """Return what reads a run: bytes of parameters, the trajectory and the metrics."""

    def read(folder: Path) -> dict[str, Any]:
        with (folder / "trajectory.csv").open() as file:
            table = list(csv.DictReader(file))
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in table]
        result = json.loads((folder / "result.json").read_text())
        for key in ("wall_clock_seconds", "device_seconds", "retrain"):
            result.pop(key)
        files = {name: folder / name for name in ("arch.h5", "weights.h5", "weights_ema.h5")}
        contents = {name: path.read_bytes() for name, path in files.items() if path.exists()}
        return {"rows": rows, "result": result, **contents}

    return read


@pytest.fixture(scope="session")
def finished(
    tiny_search: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Return the JSON file of the tiny search and the folder of it, run to its end."""
    from nnabla_nas.cli import main

    folder = tmp_path_factory.mktemp("finished")
    config = folder / "experiment.json"
    config.write_text(json.dumps(tiny_search))
    assert main(["-f", str(config), "-o", str(folder / "run"), "--no-visualize"]) == 0
    return config, folder / "run"
