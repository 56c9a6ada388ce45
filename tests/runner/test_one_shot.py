"""Training a super-network: which paths an update takes, and what they learn from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.runner.one_shot_trainer import OneShotTrainer
from nnabla_nas.testing import TOY_SPACE, small_experiment

NETWORK = {"search_space": TOY_SPACE, "n_blocks": 3, "drop_rate": 0.0}
Build = Callable[..., Any]


def one_shot(build: Build, sampling: str, **changes: Any) -> OneShotTrainer:
    algorithm = {"name": "OneShotTrainer", "sampling": sampling, "random_paths": 1}
    runner: OneShotTrainer = build(small_experiment(algorithm, NETWORK, changes))
    return runner


def taken(runner: OneShotTrainer, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Return a list that the paths are put into, as they are taken."""
    paths: list[list[int]] = []
    set_architecture = runner.model.set_architecture

    def noting(indices: list[int]) -> None:
        paths.append(list(indices))
        set_architecture(indices)

    monkeypatch.setattr(runner.model, "set_architecture", noting)
    return paths


@pytest.mark.parametrize(("sampling", "n_paths"), [("uniform", 1), ("fair", 3), ("sandwich", 3)])
def test_an_update_passes_its_paths_and_moves_the_weights_once(
    sampling: str, n_paths: int, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = one_shot(build, sampling)
    paths = taken(runner, monkeypatch)
    runner.update()
    assert len(paths) == n_paths
    assert runner.progress.examples == n_paths * runner.experiment.batch_size_train
    assert runner.train_optimizer is not None
    assert runner.train_optimizer.state_dict()["updates"] == 1


def test_fair_paths_have_every_candidate_once(build: Build) -> None:
    runner = one_shot(build, "fair")
    seen = set()
    for _ in range(5):
        paths = runner.fair_paths()
        seen.add(tuple(paths))
        for candidates in zip(*paths, strict=True):
            assert sorted(candidates) == [0, 1, 2]
    assert len(seen) > 1


def test_choices_of_fewer_candidates_have_each_of_them_nearly_as_often(build: Build) -> None:
    runner = one_shot(build, "fair")
    runner.encoding.sizes = (5, 2, 3)
    five, two, three = zip(*runner.fair_paths(), strict=True)
    assert sorted(five) == [0, 1, 2, 3, 4]
    assert {two.count(value) for value in range(2)} == {2, 3}
    assert {three.count(value) for value in range(3)} == {1, 2}


def test_the_gradients_of_fair_paths_are_added(build: Build) -> None:
    runner = one_shot(build, "fair", mini_batch_train=12)
    batch = runner.next_batch(runner.train_loader)
    parameters = runner.net_parameters
    paths = runner.fair_paths()
    expected = {path: np.zeros(p.shape) for path, p in parameters.items()}
    for code in paths:
        for parameter in parameters.values():
            parameter.grad.zero()
        runner.model.set_architecture(runner.encoding.path(code))
        runner.train_graph.accumulate(batch)
        for path, parameter in parameters.items():
            expected[path] += 0 if parameter.grad.zeroing else parameter.g
    for parameter in parameters.values():
        parameter.grad.zero()
    runner.fair_paths = lambda: paths  # type: ignore[method-assign]
    assert len(list(runner.gradients(batch, 1.0))) == 3
    for path, parameter in parameters.items():
        np.testing.assert_allclose(parameter.g, expected[path], rtol=1e-4, atol=1e-6)


def test_the_sandwich_lies_between_the_largest_and_the_smallest(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = one_shot(build, "sandwich")
    paths = taken(runner, monkeypatch)
    runner.update()
    # In the toy space: convolutions of 3x3, and skipping.
    assert paths[:2] == [[0, 0, 0], [2, 2, 2]]


def test_the_largest_learns_from_the_labels_and_teaches_the_others(build: Build) -> None:
    runner = one_shot(build, "sandwich", mini_batch_train=6)
    batch = runner.next_batch(runner.train_loader)
    runner.model.set_architecture([0, 0, 0])
    ours, answers = runner.distillation.teach(batch, 1.0)
    gradients = {k: p.g.copy() for k, p in runner.net_parameters.items() if not p.grad.zeroing}
    for parameter in runner.net_parameters.values():
        parameter.grad.zero()
    plain = runner.train_graph.accumulate(batch)
    assert list(ours) == pytest.approx(list(plain), rel=1e-5)
    for path, gradient in gradients.items():
        np.testing.assert_allclose(
            runner.net_parameters[path].g, gradient, rtol=1e-4, atol=1e-6, err_msg=path
        )
    probabilities = np.concatenate(answers)
    assert probabilities.sum(axis=1) == pytest.approx(1.0)
    # Who answers alike learns nothing more: the cross-entropy is the entropy of the answers.
    loss, _ = runner.distillation.learn(batch, answers, 1.0)
    entropy = -(probabilities * np.log(probabilities)).sum(axis=1).mean()
    assert loss == pytest.approx(entropy, rel=1e-4)


def test_a_student_moves_towards_the_answers(build: Build) -> None:
    runner = one_shot(build, "sandwich")
    batch = runner.next_batch(runner.train_loader)
    runner.model.set_architecture([0, 0, 0])
    _, answers = runner.distillation.teach(batch, 1.0)
    runner.model.set_architecture([2, 2, 2])
    losses = []
    for _ in range(20):
        for parameter in runner.net_parameters.values():
            parameter.grad.zero()
        losses.append(runner.distillation.learn(batch, answers, 1.0)[0])
        for parameter in runner.net_parameters.values():
            if not parameter.grad.zeroing:
                parameter.d = parameter.d - 0.1 * parameter.g
    assert losses[-1] < losses[0]
    assert np.all(np.diff(losses) < 1e-3)


GENOTYPES = {
    "search_space": "darts",
    "init_channels": 2,
    "num_cells": 3,
    "num_choices": 2,
    "multiplier": 1,
    "mode": "sample",
    "shared": True,
}


@pytest.mark.parametrize("sampling", ["fair", "sandwich"])
def test_where_genotypes_leave_edges_out_paths_are_uniform(
    sampling: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "train.json"
    content = small_experiment({"name": "OneShotTrainer", "sampling": sampling}, GENOTYPES)
    path.write_text(json.dumps(content))
    assert main(["-f", str(path), "-o", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "algorithm.sampling: got" in error
    assert "allowed 'uniform'" in error


def test_the_network_decodes_to_the_best_that_was_judged(build: Build) -> None:
    runner = one_shot(build, "uniform", epoch=1)
    assert runner.run() == 0
    errors = []
    for code in runner.to_judge:
        runner.model.set_architecture(runner.encoding.path(code))
        size = runner.experiment.mini_batch_valid
        metrics = runner.evaluate(runner.data.train, runner.valid_part, size, "judge")
        errors.append(metrics["error"])
    best = runner.to_judge[int(np.argmin(errors))]
    assert runner.model.most_probable_architecture() == list(best)
    valid = json.loads(runner.folder.result.read_text())["metrics"]["valid"]
    assert valid["error"] == pytest.approx(np.mean(errors))
