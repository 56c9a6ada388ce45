"""What the steps of DARTS move, what they must leave alone, and when a search ends early."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.errors import DivergedError
from nnabla_nas.registry import register_search_space
from nnabla_nas.search_space import ClassificationModel


class _Tanh(Mo.Module):
    def call(self, x: nn.Variable) -> nn.Variable:
        return F.tanh(x)


class _SmoothLayers(ClassificationModel):
    """Two choices between two layers without kinks, then a classifier."""

    def __init__(self, num_classes: int = 10, mode: str = "full") -> None:
        def layer(features: int) -> Mo.Module:
            return Mo.Sequential(Mo.Linear(features, 12), _Tanh())

        self.first = Mo.MixedOp([layer(64), layer(64)], mode)
        self.second = Mo.MixedOp([layer(12), layer(12)], mode)
        self.head = Mo.Linear(12, num_classes)

    def call(self, x: nn.Variable) -> nn.Variable:
        return self.head(self.second(self.first(x)))


@register_search_space("toy_smooth_layers")
class SmoothLayers:
    """Two layers without kinks, so that finite differences of gradients mean something."""

    SearchNet = _SmoothLayers


@pytest.fixture
def darts_json(search_json: dict[str, Any]) -> dict[str, Any]:
    """Return a search of a small mobilenet with all candidates weighted."""
    search_json |= {"algorithm": {"name": "DartsSearcher"}, "batch_size_train": 64}
    search_json |= {"batch_size_valid": 64, "mini_batch_train": 64}
    search_json["network"] |= {"mode": "full", "settings": [[8, 2, 2]], "drop_rate": 0}
    return search_json


@pytest.fixture
def darts_layers_json(darts_json: dict[str, Any]) -> dict[str, Any]:
    """Return a search of the space without batch normalisation, with a constant step size."""
    darts_json["network"] = {"search_space": "toy_layers", "mode": "full"}
    darts_json["optimizer"]["train"] = {
        "solver": {"name": "Momentum", "lr": 0.5},
        "lr_scheduler": None,
    }
    return darts_json


def option(content: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {**content, "algorithm": {"name": "DartsSearcher", **options}}


def snapshot(searcher) -> dict[str, np.ndarray]:
    return {path: p.d.copy() for path, p in searcher.model.get_parameters().items()}


def moved(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> set[str]:
    return {path for path in before if (before[path] != after[path]).any()}


def batches(searcher) -> tuple[Any, Any]:
    """Make the searcher use the same two batches in every step."""
    train, valid = searcher.train_loader.next(), searcher.valid_loader.next()
    searcher.next_batch = lambda loader: train if loader is searcher.train_loader else valid
    return train, valid


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_an_architecture_step_moves_the_architecture_alone(
    build, darts_json, order: int, statistics: str
) -> None:
    searcher = build(option(darts_json, order=order, arch_batch_stat=statistics))
    searcher.search_update()
    before = snapshot(searcher)
    searcher.architecture_step(searcher.train_loader.next())
    assert moved(before, snapshot(searcher)) == set(searcher.arch_parameters)
    assert all(p.need_grad for p in (*searcher.weights, *searcher.alphas))


def test_a_weight_step_moves_all_weights_and_statistics_but_not_the_architecture(
    build, darts_json
) -> None:
    searcher = build(darts_json)
    before = snapshot(searcher)
    searcher.weight_step(searcher.train_optimizer)
    assert moved(before, snapshot(searcher)) == set(searcher.model.get_net_parameters())


def test_no_step_computes_gradients_that_it_does_not_use(build, darts_layers_json) -> None:
    searcher = build(darts_layers_json)
    everything = [*searcher.weights, *searcher.alphas]
    for p in everything:
        p.grad.zero()
    searcher.architecture_step(searcher.train_loader.next())
    assert all(p.grad.zeroing for p in searcher.weights)
    assert not any(p.grad.zeroing for p in searcher.alphas)
    for p in everything:
        p.grad.zero()
    searcher.weight_step(searcher.train_optimizer)
    assert all(p.grad.zeroing for p in searcher.alphas)
    assert not any(p.grad.zeroing for p in searcher.weights)


def test_warm_up_leaves_the_architecture_alone(build, darts_json) -> None:
    searcher = build(darts_json)
    before = snapshot(searcher)
    searcher.warmup_update()
    assert not moved(before, snapshot(searcher)) & set(searcher.arch_parameters)


def test_the_architecture_learns_before_the_weights_and_from_the_other_part(
    build, darts_json
) -> None:
    searcher = build(darts_json)
    order: list[tuple[str, bytes]] = []
    for name in ("arch_graph", "train_graph"):
        graph = getattr(searcher, name)

        def recorded(batch, *scale, name=name, accumulate=graph.accumulate):
            order.append((name, batch.targets.tobytes()))
            return accumulate(batch, *scale)

        graph.accumulate = recorded
    train, valid = batches(searcher)
    searcher.search_update()
    assert order == [
        ("arch_graph", valid.targets.tobytes()),
        ("train_graph", train.targets.tobytes()),
    ]


@pytest.mark.parametrize("order", [1, 2])
def test_the_gradient_of_a_step_is_that_of_brute_force(
    build, darts_layers_json, order: int
) -> None:
    darts_layers_json["network"]["search_space"] = "toy_smooth_layers"
    searcher = build(option(darts_layers_json, order=order))
    train, valid = batches(searcher)
    rng = np.random.default_rng(0)
    for alpha in searcher.alphas:
        alpha.d = rng.normal(size=alpha.shape)
    searcher.valid_optimizer.update = lambda: None
    searcher.architecture_step(train)
    gradient = np.concatenate([alpha.g.ravel() for alpha in searcher.alphas])
    step_size = 0.5 if order == 2 else 0.0
    start = [weight.d.copy() for weight in searcher.weights]

    def unrolled_loss() -> float:
        for weight in searcher.weights:
            weight.grad.zero()
        searcher.train_graph.accumulate(train)
        for weight, value in zip(searcher.weights, start, strict=True):
            weight.d = value - step_size * weight.g
        loss, _ = searcher.judge_graph.evaluate(valid)
        for weight, value in zip(searcher.weights, start, strict=True):
            weight.d = value
        return loss

    brute_force = []
    for alpha, entry in np.ndindex(2, 2):
        values, losses = searcher.alphas[alpha].d.copy(), []
        for step in (0.02, -0.02):
            changed = values.copy()
            changed[entry] += step
            searcher.alphas[alpha].d = changed
            losses.append(unrolled_loss())
        searcher.alphas[alpha].d = values
        brute_force.append((losses[0] - losses[1]) / 0.04)
    np.testing.assert_allclose(gradient, brute_force, rtol=0.02, atol=3e-5)
    assert np.abs(brute_force).max() > 1e-3


def test_a_step_size_of_zero_makes_second_order_first_order(build, darts_json) -> None:
    darts_json["optimizer"]["train"] = {"solver": {"name": "Sgd", "lr": 0.0}}
    ends = []
    for order in (1, 2):
        searcher = build(option(darts_json, order=order), f"order_{order}")
        for _ in range(3):
            searcher.search_update()
        ends.append(snapshot(searcher))
    assert not moved(*ends)
    assert np.abs(ends[0][next(iter(searcher.arch_parameters))]).max() > 0


def test_the_unrolled_step_size_is_the_current_one_and_epsilon_the_option(
    build, darts_layers_json, monkeypatch
) -> None:
    darts_layers_json["optimizer"]["train"]["lr_scheduler"] = "CosineScheduler"
    searcher = build(option(darts_layers_json, order=2, epsilon=1e-3))
    taken = []
    monkeypatch.setattr(
        "nnabla_nas.runner.searcher.darts.set_unrolled_gradient",
        lambda *arguments: (taken.append(arguments[-2:]), (0.0, 0.0))[1],
    )
    for _ in range(3):
        searcher.search_update()
    n = searcher.experiment.epoch * searcher.updates_per_epoch
    expected = [0.25 * (1 + np.cos(np.pi * i / n)) for i in range(3)]
    np.testing.assert_allclose(taken, [(one, 1e-3) for one in expected], rtol=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_accumulated_passes_equal_one_batch(build, darts_layers_json, order: int) -> None:
    def gradient(size: int) -> np.ndarray:
        searcher = build(
            option(darts_layers_json, order=order),
            f"in_passes_of_{size}",
            mini_batch_train=size,
            mini_batch_valid=size,
        )
        searcher.architecture_step(searcher.train_loader.next())
        return np.stack([alpha.g.ravel() for alpha in searcher.alphas])

    whole = gradient(64)
    np.testing.assert_allclose(gradient(16), whole, rtol=1e-3, atol=1e-6)
    assert np.abs(whole).max() > 0


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_running_statistics_count_in_architecture_steps_only_where_asked_for(
    build, darts_json, statistics: str
) -> None:
    searcher = build(option(darts_json, arch_batch_stat=statistics))
    train, _ = batches(searcher)
    gradients = []
    for factor in (1, 4):
        for path, p in searcher.model.get_parameters().items():
            if path.endswith("_var"):
                p.d = p.d * factor
        searcher.valid_optimizer.zero_grad()
        searcher.valid_optimizer.update = lambda: None
        searcher.architecture_step(train)
        gradients.append(np.concatenate([alpha.g.ravel() for alpha in searcher.alphas]))
    assert np.array_equal(*gradients) == (statistics == "batch")


def test_a_loss_that_is_not_finite_ends_the_run(build, darts_layers_json) -> None:
    for order in (1, 2):
        searcher = build(option(darts_layers_json, order=order), f"order_{order}")
        searcher.model.head._W.d = np.nan
        with pytest.raises(DivergedError, match="loss is nan at update 1"):
            searcher.search_update()


def test_an_architecture_parameter_that_is_not_finite_is_named(build, darts_layers_json) -> None:
    searcher = build(darts_layers_json)
    searcher.valid_optimizer.update = lambda: setattr(searcher.alphas[1], "d", np.inf)
    with pytest.raises(DivergedError, match="architecture parameter 'second/_alpha' is inf"):
        searcher.search_update()


@pytest.fixture
def unmoved(build, darts_layers_json) -> Iterator[Any]:
    """Return what builds a searcher whose choices keep their first candidate for ever."""
    darts_layers_json |= {"epoch": 3, "warmup": 1, "batch_size_train": 512}
    darts_layers_json |= {"mini_batch_train": 512}
    darts_layers_json["optimizer"]["valid"] = {"solver": {"name": "Sgd", "lr": 0.0}}

    def make(names: list[str], **options: Any) -> Any:
        searcher = build(option(darts_layers_json, **options))
        for choice, name in zip(searcher.choices, names, strict=True):
            choice.names = [name, "layer"]
        return searcher

    return make


@pytest.mark.parametrize(
    ("names", "stop_on_skip", "epochs"),
    [
        (["skip_connect", "Identity"], 2, 1),
        (["skip_connect", "layer"], 1, 1),
        (["skip_connect", "layer"], 2, 3),
        (["skip_connect", "Identity"], None, 3),
    ],
)
def test_a_search_that_collapses_ends_early_and_says_so(
    unmoved, names: list[str], stop_on_skip: int | None, epochs: int
) -> None:
    searcher = unmoved(names, stop_on_skip=stop_on_skip)
    assert searcher.run() == 0
    folder = searcher.folder
    result = json.loads(folder.result.read_text())
    assert result["status"] == "finished"
    assert result["epochs"] == 1 + epochs
    rows = folder.trajectory.read_text().splitlines()
    assert len(rows) == 2 + epochs
    said = searcher.monitor._stream.getvalue()
    skips = sum(name != "layer" for name in names)
    assert f"skip_connect: {skips} of 2 kept" in said
    if epochs < 3:
        assert f"keeps {skips} skip_connects" in result["stopped"]
        assert f"finished after 2 epochs, {searcher.progress.step} updates: the arch" in said
    else:
        assert result["stopped"] is None
        assert f"finished after 4 epochs, {searcher.progress.step} updates\n" in said


def test_a_metric_that_selects_is_said_to_have_no_use(build, darts_json) -> None:
    searcher = build({**darts_json, "select": "macro_f1"})
    said = searcher.monitor._stream.getvalue()
    assert "select is not used by DartsSearcher" in said
