from __future__ import annotations

import json

import numpy as np
import pytest

from nnabla_nas.module.parameter_file import read_parameters


@pytest.fixture
def train_json(layers_json):
    layers_json["algorithm"] = "Trainer"
    layers_json["optimizer"] = {"train": {"solver": {"name": "Adam", "alpha": 0.01}}}
    return layers_json


def script_errors(trainer, errors: list[float]) -> None:
    scripted = iter(errors)
    judge = trainer.judge

    def judged():
        valid, test = judge()
        return {**valid, "error": next(scripted)}, test

    trainer.judge = judged


def test_the_weights_kept_are_those_of_the_best_validation_epoch(build, train_json) -> None:
    trainer = build(train_json, epoch=4, train_portion=0.75)
    script_errors(trainer, [0.5, 0.2, 0.3, 0.2])
    snapshots = []
    finish = trainer.finish_epoch

    def finish_and_remember() -> None:
        finish()
        snapshots.append({k: p.d.copy() for k, p in trainer.model.get_net_parameters().items()})

    trainer.finish_epoch = finish_and_remember
    assert trainer.run() == 0
    result = json.loads(trainer.folder.result.read_text())
    assert result["weights_epoch"] == 2
    assert result["metrics"]["valid"]["error"] == 0.2
    assert result["metrics"]["test"]["examples"] == 360
    kept = read_parameters(trainer.folder.weights, {k: v.shape for k, v in snapshots[1].items()})
    for path, value in snapshots[1].items():
        np.testing.assert_array_equal(kept[path], value)


def test_without_a_part_kept_back_the_last_epoch_is_the_result(build, train_json) -> None:
    trainer = build(train_json, epoch=2)
    assert len(trainer.valid_part) == 0
    trainer.run()
    result = json.loads(trainer.folder.result.read_text())
    assert result["weights_epoch"] == 2
    assert result["metrics"]["valid"] is None
    parameters = trainer.model.get_net_parameters()
    kept = read_parameters(trainer.folder.weights, {k: p.shape for k, p in parameters.items()})
    for path, p in parameters.items():
        np.testing.assert_array_equal(kept[path], p.d)


def test_zero_epochs_judge_and_keep_the_weights_as_they_start(build, train_json) -> None:
    trainer = build(train_json, epoch=0)
    assert trainer.run() == 0
    result = json.loads(trainer.folder.result.read_text())
    assert result["epochs"] == 0
    assert result["metrics"]["train"] is None
    assert result["metrics"]["test"]["examples"] == 360
    assert trainer.folder.weights.exists()


def test_evaluation_counts_every_image_once(build, train_json) -> None:
    trainer = build(train_json, mini_batch_valid=100, batch_size_valid=100)
    indices = np.arange(257)
    metrics = trainer.evaluate(trainer.data.test, indices, 100, "evaluate")
    one_by_one = [
        trainer.evaluate(trainer.data.test, indices[i : i + 1], 1, "evaluate")["error"]
        for i in indices
    ]
    assert metrics["examples"] == 257
    assert metrics["error"] == pytest.approx(np.mean(one_by_one))
