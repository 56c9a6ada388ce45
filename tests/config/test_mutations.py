"""Whatever is done to a good experiment, the answer is faults in lines or a valid experiment."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnabla_nas.config import Experiment, read_experiment
from nnabla_nas.config.completion import build_dataset, build_network, complete
from nnabla_nas.errors import InputError

GOOD: dict[str, Any] = {
    "dataset": {"name": "toy_any", "n_classes": 4, "path": None},
    "input_shape": [3, 5, 5],
    "epoch": 2,
    "batch_size_train": 16,
    "batch_size_valid": 8,
    "mini_batch_train": 4,
    "warmup": 1,
    "cutout": 1,
    "aux_weight": 0.4,
    "train_portion": 0.5,
    "device_id": [0, 1],
    "network": {"search_space": "toy_space", "settings": [[1, 2]], "kernel": [3, 3], "width": 0.5},
    "algorithm": {"name": "ToySearcher", "samples": 3},
    "optimizer": {
        "train": {
            "solver": {"name": "ToySolver", "lr": 0.5},
            "grad_clip": 5,
            "lr_scheduler": {
                "name": "LinearWarmupScheduler",
                "warmup_iter": 3,
                "scheduler": {"name": "CosineScheduler"},
            },
        },
        "valid": {"solver": "ToySolver", "grad_clip_mode": "per_parameter"},
        "warmup": {"solver": {"name": "ToySolver"}, "weight_decay": 1e-4, "lr_scheduler": None},
    },
}

NUMBERS = st.sampled_from(
    [0, -1, 1, 2**31, 2**63 - 1, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e308, 5e-324]
)
NAMES = st.sampled_from(
    ["", "x", "name", "mod:name", "a.b:c", "ToyTrainer", "Trainer", "options", "\n", "\0", "é"]
)
NEAR = st.sampled_from([1, 2, 4, 8, 0.5, 0.25, True, None, "ToySearcher", "Sgd", [2, 4]])
LEAVES = st.none() | st.booleans() | NUMBERS | st.floats() | NAMES | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every (object or list, key or index) in a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, inner in pairs:
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += places(inner)
    return found


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    values = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        where = places(values)
        if not where:
            break
        holder, key = where[draw(st.integers(0, len(where) - 1))]
        how = draw(st.sampled_from(["nudge", "nudge", "drop", "retype", "rename", "nest", "add"]))
        if how == "nudge":
            holder[key] = copy.deepcopy(draw(NEAR))
        elif how == "drop":
            del holder[key]
        elif how == "retype":
            holder[key] = draw(VALUES)
        elif how == "nest":
            holder[key] = [holder[key]] if draw(st.booleans()) else {"name": holder[key]}
        elif isinstance(holder, list):
            holder.append(draw(VALUES))
        else:
            new = draw(NAMES) if how == "add" else f"{key}{draw(st.sampled_from(['s', '_', '.']))}"
            holder[new] = draw(VALUES) if how == "add" else holder.pop(key)
    return values


def read(text: str, folder: Path) -> Experiment:
    file = folder / "mutated.json"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    return read_experiment(str(file))


def faults_of(action: Callable[[], object]) -> list[str] | None:
    """Return the lines of the InputError an action raises, None if it raises nothing."""
    try:
        action()
    except InputError as error:
        return error.faults
    return None


def are_lines(faults: list[str]) -> bool:
    return bool(faults) and all(line and line.isprintable() for line in faults)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutations")


@settings(max_examples=300, deadline=None)
@given(values=mutated())
def test_mutations_give_faults_or_a_valid_experiment(folder: Path, values: dict[str, Any]) -> None:
    def run() -> None:
        completed, _ = complete(read(json.dumps(values), folder))
        build_dataset(completed)
        build_network(completed)
        assert read(json.dumps(completed.to_json()), folder) == completed

    faults = faults_of(run)
    assert faults is None or are_lines(faults)


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, len(json.dumps(GOOD)) - 1), insert=st.text(max_size=3))
def test_damaged_text_gives_lines(folder: Path, cut: int, insert: str) -> None:
    text = json.dumps(GOOD)
    truncated = faults_of(lambda: read(text[:cut], folder))
    assert truncated is not None
    assert are_lines(truncated)
    for damaged in (text[:cut] + insert + text[cut:], text[:cut] + text[cut + 1 :]):
        faults = faults_of(lambda damaged=damaged: read(damaged, folder))  # type: ignore[misc]
        assert faults is None or are_lines(faults)


@settings(max_examples=150, deadline=None)
@given(
    keys=st.lists(st.sampled_from([*GOOD, "train", "solver", "0", "", "x"]), max_size=4),
    value=st.text(max_size=8) | VALUES.map(json.dumps),
)
def test_overrides_give_lines_or_a_valid_experiment(
    folder: Path, keys: list[str], value: str
) -> None:
    file = folder / "good.json"
    file.write_text(json.dumps(GOOD))
    override = f"{'.'.join(keys)}={value}"
    faults = faults_of(lambda: read_experiment(str(file), {}, [override]))
    assert faults is None or are_lines(faults)
