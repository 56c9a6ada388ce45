"""What the Trainer does for networks with drop-path and an auxiliary head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnabla as nn
import pytest

from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.runner.runner import Runner
from nnabla_nas.search_space.darts import DropPath


@pytest.fixture
def cells_json(search_json: dict[str, Any]) -> dict[str, Any]:
    """Return a training of a small network of cells on 32x32 images."""
    search_json |= {
        "dataset": {"name": "synthetic", "n_train": 64, "n_test": 8, "n_classes": 3},
        "algorithm": "Trainer",
        "optimizer": {"train": {"solver": {"name": "Momentum", "lr": 0.05}}},
        "batch_size_train": 16,
        "mini_batch_train": 8,
        "batch_size_valid": 8,
        "mini_batch_valid": 8,
        "warmup": 0,
        "aux_weight": 0.4,
        "network": {
            "search_space": "darts",
            "init_channels": 2,
            "num_cells": 3,
            "num_choices": 1,
            "multiplier": 1,
            "auxiliary": True,
        },
    }
    return search_json


def batch(trainer: Runner, n: int) -> Batch:
    whole = trainer.train_loader.next()
    return Batch(whole.inputs[:n], whole.targets[:n])


def test_the_auxiliary_loss_counts_with_its_weight(
    build: Callable[..., Runner], cells_json: dict[str, Any]
) -> None:
    trainer = build(cells_json)
    examples = batch(trainer, 8)
    loss, _ = trainer.train_graph.forward(examples)
    model = trainer.model.apply(training=True)
    outputs = model(nn.Variable.from_numpy_array(examples.inputs))
    targets = nn.Variable.from_numpy_array(examples.targets)
    main, auxiliary = (model.loss(logits, targets) for logits in outputs)
    nn.forward_all([main, auxiliary])
    assert loss == pytest.approx(float(main.d) + 0.4 * float(auxiliary.d), rel=1e-5)


def test_evaluation_has_no_auxiliary_output_and_no_drop_path(
    build: Callable[..., Runner], cells_json: dict[str, Any]
) -> None:
    cells_json["network"] |= {"drop_path": 0.9, "drop_path_schedule": "constant"}
    trainer = build(cells_json)
    examples = batch(trainer, 8)
    loss, _ = trainer.graph("evaluate", 8).evaluate(examples)
    assert trainer.graph("evaluate", 8).evaluate(examples)[0] == loss
    logits = trainer.model.apply(training=False)(nn.Variable.from_numpy_array(examples.inputs))
    main = trainer.model.loss(logits, nn.Variable.from_numpy_array(examples.targets))
    main.forward()
    assert loss == pytest.approx(float(main.d), rel=1e-5)


def test_drop_path_rises_with_the_updates(
    build: Callable[..., Runner], cells_json: dict[str, Any]
) -> None:
    cells_json["network"] |= {"drop_path": 0.4}
    trainer = build(cells_json, epoch=2)
    (drop,) = [module for _, module in trainer.model.get_modules() if isinstance(module, DropPath)]
    seen = []
    run = trainer.train_graph._run

    def run_and_remember(*arguments: Any, **clearing: bool) -> None:
        seen.append(drop.drop_prob)
        run(*arguments, **clearing)

    trainer.train_graph._run = run_and_remember  # type: ignore[method-assign]
    trainer.run()
    # Eight updates of two passes each.
    assert seen == pytest.approx([0.05 * update for update in range(8) for _ in range(2)])
