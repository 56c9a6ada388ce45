"""What tests of several parts of the package need."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import nnabla_nas.function as function
from nnabla_nas.cli import main

# Tests of interruption fork, which a process that has used OpenMP's threads must not.
os.environ.setdefault("NUMBA_THREADING_LAYER", "workqueue")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the kernels once, before the workers all need them."""
    if not hasattr(config, "workerinput"):
        function.use_cores(None, print)


SEARCH: dict[str, Any] = {
    "dataset": "digits",
    "algorithm": {"name": "ProxylessNasSearcher", "arch_samples": 2},
    "epoch": 2,
    "warmup": 1,
    "batch_size_train": 256,
    "batch_size_valid": 128,
    "mini_batch_train": 128,
    "mini_batch_valid": 64,
    "context": "cpu",
    "network": {
        "search_space": "mobilenet",
        "settings": [[8, 2, 2], [16, 1, 2]],
        "width_mult": 0.25,
        "candidates": ["MB1 3x3", "MB3 3x3"],
        "stem_stride": 2,
        "drop_rate": 0.1,
    },
    "optimizer": {
        "train": {
            "solver": {"name": "Momentum", "lr": 0.1},
            "grad_clip": 5.0,
            "weight_decay": 4e-5,
        },
        "valid": {"solver": {"name": "Adam", "alpha": 0.05}, "grad_clip": 5.0},
        "warmup": {"solver": {"name": "Momentum", "lr": 0.05}},
    },
}


@pytest.fixture(scope="session")
def small_search() -> dict[str, Any]:
    """Return a small search of a mobilenet on digits, two updates an epoch; not to be changed."""
    return SEARCH


@pytest.fixture
def search_json(small_search: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of the small search, to be changed at will."""
    return json.loads(json.dumps(small_search))


def without_coverage() -> dict[str, str]:
    """Return the environment for a process that is killed: it must not be measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def _fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@contextmanager
def _serve(folder: Path, run: str, log: Path) -> Iterator[Callable[[str], Any]]:
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    # It answers once everything is read, at a port that it has taken itself.
    command += ["--load_fast", "false", "--reload_interval", "0", "--reload_task", "blocking"]
    command += ["--host", "127.0.0.1", "--port", "0"]
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env=without_coverage())
    try:
        deadline = time.monotonic() + 120
        while not (at := re.search(r"http://[^:]+:\d+", log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            with suppress(subprocess.TimeoutExpired):
                server.wait(timeout=0.1)
            assert server.returncode is None, log.read_text()
        url = f"{at[0]}/data/plugin"
        assert run in _fetch(f"{url}/scalars/tags"), log.read_text()
        yield lambda path: _fetch(f"{url}/{path}")
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def tensorboard(tmp_path: Path) -> Iterator[Callable[[Path, str], Callable[[str], Any]]]:
    """Start the real server on a folder, wait until it knows a run; returns what asks its API."""
    with ExitStack() as servers:
        yield lambda folder, run: servers.enter_context(
            _serve(folder, run, tmp_path / "server.txt")
        )


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small finished training, an epoch selected; not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    content = {**SEARCH, "algorithm": "Trainer", "train_portion": 0.9, "epoch": 3}
    (folder / "train.json").write_text(json.dumps(content))
    assert main(["-f", str(folder / "train.json"), "-o", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture
def trained_copy(trained_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the training's folder, to be changed at will: its hashes are left out."""
    return Path(
        shutil.copytree(
            trained_folder, tmp_path / "run", ignore=shutil.ignore_patterns("SHA256SUMS")
        )
    )
