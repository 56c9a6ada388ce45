"""Metrics beside the error: by name, of a model's own, and the one that selects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    top_k_accuracy_score,
)

import nnabla_nas.module as Mo
from nnabla_nas.cli import main
from nnabla_nas.registry import register_search_space, search_spaces
from nnabla_nas.runner.metrics import SetMetrics, badness, confusion, from_confusion, in_graph
from nnabla_nas.search_space import ClassificationModel

N_CLASSES = 7


def batch(seed: int, n: int, n_seen: int = N_CLASSES) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, N_CLASSES)), rng.integers(0, n_seen, (n, 1))


def expected(logits: Any, targets: Any) -> dict[str, float]:
    labels, predicted = targets[:, 0], logits.argmax(axis=1)
    union = sorted({*labels.tolist(), *predicted.tolist()})
    recalls = [(predicted[labels == label] == label).mean() for label in sorted(set(labels))]
    return {
        "top_5_error": 1 - top_k_accuracy_score(labels, logits, k=5, labels=range(N_CLASSES)),
        "macro_f1": f1_score(labels, predicted, average="macro", labels=union),
        "balanced_accuracy": float(np.mean(recalls)),
    }


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 40), n_seen=st.integers(1, N_CLASSES))
def test_metrics_of_a_batch_are_those_of_scikit_learn(seed: int, n: int, n_seen: int) -> None:
    logits, targets = batch(seed, n, n_seen)
    variables = [nn.Variable.from_numpy_array(one) for one in (logits, targets)]
    for name, value in expected(logits, targets).items():
        computed = in_graph(name, *variables)
        computed.forward()
        assert float(computed.d) == pytest.approx(value, abs=1e-6), name


def test_metrics_of_a_set_are_those_of_all_its_examples() -> None:
    logits, targets = batch(0, 50)
    gathered = SetMetrics()
    for part in (slice(0, 20), slice(20, 50)):
        x, y = (nn.Variable.from_numpy_array(one[part]) for one in (logits, targets))
        values = {"confusion_matrix": confusion(x, y), "top_5_error": in_graph("top_5_error", x, y)}
        for value in values.values():
            value.forward()
        gathered.add(values, len(y.d))
    found = gathered.values(["macro_f1", "balanced_accuracy"])
    assert found == pytest.approx(expected(logits, targets), abs=1e-6)
    labels, predicted = targets[:, 0], logits.argmax(axis=1)
    np.testing.assert_array_equal(gathered.counts, confusion_matrix(labels, predicted))
    assert from_confusion(gathered.counts)["balanced_accuracy"] == pytest.approx(  # type: ignore
        balanced_accuracy_score(labels, predicted)
    )


def test_errors_and_losses_are_to_be_small() -> None:
    assert (badness("error", 0.2), badness("top_5_error", 0.2), badness("loss", 3)) == (0.2, 0.2, 3)
    assert badness("macro_f1", 0.2) == 0.8


class OwnMetric(ClassificationModel):
    """A linear classifier that is judged by something of its own, and by no error."""

    def __init__(self, num_classes: int = 10) -> None:
        self._linear = Mo.Linear(64, num_classes)

    def call(self, x: nn.Variable) -> nn.Variable:
        return self._linear(F.reshape(x, (x.shape[0], -1)))

    def metrics(self, outputs: Any, targets: nn.Variable) -> dict[str, nn.Variable]:
        return {"hits": 1 - F.mean(F.top_n_error(outputs, targets))}


class OwnMetricSpace:
    TrainNet = OwnMetric


if "own_metric" not in search_spaces.names():
    register_search_space("own_metric")(OwnMetricSpace)


@pytest.fixture
def training(search_json: dict[str, Any]) -> dict[str, Any]:
    """Return a training of a linear classifier on digits, some of them kept back."""
    return {
        **search_json,
        "algorithm": "Trainer",
        "train_portion": 0.8,
        "network": {"search_space": "own_metric"},
        "optimizer": {"train": {"solver": {"name": "Sgd", "lr": 0.5}, "lr_scheduler": None}},
    }


def run(config: dict[str, Any], output: Path, *flags: str) -> int:
    path = output.with_name(f"{output.name}.json")
    path.write_text(json.dumps(config))
    return main(["-f", str(path), "-o", str(output), *flags])


def result(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return content


def test_a_metric_of_ones_own_selects(
    tmp_path: Path, training: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(training, tmp_path / "none") == 2
    assert "select: the network's metrics have no 'error'" in capsys.readouterr().err
    assert run({**training, "select": "hit"}, tmp_path / "close") == 2
    assert "did you mean 'hits'?" in capsys.readouterr().err
    asked = ["top_5_error", "macro_f1", "confusion_matrix"]
    assert run({**training, "select": "hits", "metrics": asked, "epoch": 3}, tmp_path / "a") == 0
    found = result(tmp_path / "a")
    test = found["metrics"]["test"]
    assert test["error"] == pytest.approx(1 - test["hits"], abs=1e-6)
    assert {"top_5_error", "macro_f1"} <= test.keys()
    assert "balanced_accuracy" not in test
    assert (tmp_path / "a" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert "macro_f1 valid" in (tmp_path / "a" / "log.txt").read_text()


def test_the_metric_that_selects_chooses_the_epoch(
    tmp_path: Path, training: dict[str, Any]
) -> None:
    training |= {"epoch": 4, "metrics": ["balanced_accuracy"], "select": "balanced_accuracy"}
    assert run(training, tmp_path / "a", "--no-visualize") == 0
    lines = (tmp_path / "a" / "log.txt").read_text().splitlines()
    values = [
        float(line.split("balanced_accuracy valid ")[1].split(",")[0])
        for line in lines
        if "balanced_accuracy valid" in line
    ]
    found = result(tmp_path / "a")
    assert len(values) == 4
    assert found["weights_epoch"] == int(np.argmax(values)) + 1
    assert found["metrics"]["valid"]["balanced_accuracy"] == pytest.approx(max(values), rel=1e-3)


def test_the_metric_that_selects_rewards(tmp_path: Path, search_json: dict[str, Any]) -> None:
    search_json |= {"epoch": 1, "warmup": 0}
    rewards = {}
    for select in (None, "error", "macro_f1", "loss"):
        name = str(select)
        assert run({**search_json, "select": select}, tmp_path / name, "--no-visualize") == 0
        table = (tmp_path / name / "trajectory.csv").read_text().splitlines()
        rewards[name] = dict(zip(table[0].split(","), table[1].split(","), strict=True))["reward"]
    assert rewards["None"] == rewards["error"]
    assert len(set(rewards.values())) == 3
    assert "macro_f1" in result(tmp_path / "macro_f1")["metrics"]["valid"]
    weights = [(tmp_path / name / "weights.h5").read_bytes() for name in ("None", "error")]
    assert weights[0] == weights[1]
