"""Judging with inherited weights: recomputed statistics, and images that trained nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.dataset.split import split
from nnabla_nas.module import BatchNormalization
from nnabla_nas.testing import TOY_SPACE, small_experiment
from nnabla_nas.testing.experiment import run_experiment

NETWORK = {"search_space": TOY_SPACE, "n_blocks": 3, "drop_rate": 0.0}
# The parts of half the images, whatever the search's own are; `synthetic` draws from the seed too.
PARTS = {"seed": 3, "train_portion": 0.5}


@pytest.fixture(scope="module")
def super_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inherit") / "oneshot"
    run_experiment(small_experiment("OneShotTrainer", NETWORK, PARTS), str(folder))
    return folder


def content(weights: Path, recalibrate: int = 2, **changes: Any) -> dict[str, Any]:
    evaluator = {"name": "Inherit", "weights": str(weights), "recalibrate": recalibrate}
    algorithm = {"name": "RandomSearcher", "evaluations": 6, "evaluator": evaluator}
    return small_experiment(algorithm, NETWORK, {"seed": 3, "train_portion": 0.75, **changes})


def test_no_image_that_trained_the_weights_judges(
    super_network: Path, build: Callable[..., Any]
) -> None:
    runner = build(content(super_network / "weights.h5"))
    train, valid = split(runner.data.train.labels, 0.5, 3)
    assert set(runner.evaluator._valid) == set(valid)
    assert set(runner.evaluator._images) <= set(train)


def test_statistics_are_the_means_over_the_batches(
    super_network: Path, build: Callable[..., Any]
) -> None:
    runner = build(content(super_network / "weights.h5"), mini_batch_train=12)
    evaluator, model = runner.evaluator, runner.model
    path = [0, 1, 2]
    model.set_architecture(path)
    evaluator._recalibration.run(evaluator._batches())
    # The first block alone sees the same whatever follows.
    block = next(m for name, m in model.get_modules() if name.startswith("_blocks/0"))
    norm = next(m for _, m in block.get_modules() if isinstance(m, BatchNormalization))
    found = norm.running_mean.d.copy(), norm.running_var.d.copy()
    means, variances = [], []
    for batch in evaluator._batches():
        norm.running_mean.d, norm.running_var.d = 0, 0
        runner.train_graph.evaluate(batch)
        means.append(norm.running_mean.d / (1 - norm.decay_rate))
        variances.append(norm.running_var.d / (1 - norm.decay_rate))
    assert len(means) == 2
    np.testing.assert_allclose(found[0], np.mean(means, axis=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found[1], np.mean(variances, axis=0), rtol=1e-5)


def test_judging_leaves_no_trace_and_depends_on_nothing_before(
    super_network: Path, build: Callable[..., Any]
) -> None:
    runner = build(content(super_network / "weights.h5"))
    before = {path: p.d.copy() for path, p in runner.model.get_parameters().items()}
    errors = []
    for code in ((0, 1, 2), (2, 2, 0), (0, 1, 2)):
        errors.append(runner.evaluator.judge(code, 0, []))
        runner.evaluator.restore()
    assert errors[0] == errors[2]
    for path, parameter in runner.model.get_parameters().items():
        assert np.array_equal(parameter.d, before[path]), path
    assert errors[0].examples == 2 * 12 + 24


def test_without_recalibration_the_inherited_statistics_count(
    super_network: Path, build: Callable[..., Any]
) -> None:
    runner = build(content(super_network / "weights.h5", recalibrate=0))
    judged = runner.evaluator.judge((0, 0, 1), 0, [])
    runner.model.set_architecture([0, 0, 1])
    _, valid = split(runner.data.train.labels, 0.5, 3)
    metrics = runner.evaluate(runner.data.train, valid, 6, "evaluate")
    assert (judged.error, judged.examples) == (metrics["error"], len(valid))


def test_what_the_search_keeps_is_what_it_judged_with(super_network: Path, tmp_path: Path) -> None:
    folder = run_experiment(content(super_network / "weights.h5"), str(tmp_path / "run"))
    found = json.loads(folder.result.read_text())
    # Without a config.json beside them: the parts are then the search's own.
    (tmp_path / "weights.h5").write_bytes(folder.weights.read_bytes())
    again = content(tmp_path / "weights.h5", recalibrate=0, **PARTS)
    again["algorithm"]["evaluations"] = 27
    rerun = run_experiment(again, str(tmp_path / "again"))
    rows = [line.split(",") for line in rerun.candidates.read_text().splitlines()]
    best = [line.split(",") for line in folder.candidates.read_text().splitlines()[1:]]
    code = min(best, key=lambda row: float(row[3]))[1]
    assert float(next(row[3] for row in rows if row[1] == code)) == pytest.approx(
        found["metrics"]["valid"]["error"]
    )


@pytest.mark.parametrize("weights", ["none.h5", "config.json"])
def test_what_are_no_weights_is_one_line(
    super_network: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "search.json"
    path.write_text(json.dumps(content(super_network / weights)))
    assert main(["-f", str(path), "-o", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "run").exists()
