"""ProxylessNAS against closed forms, and what its steps must leave alone."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.runner.score import Score
from nnabla_nas.runner.searcher.proxyless_nas import set_reinforce_gradient


def bandit(probabilities: list[float], alpha: Mo.Parameter | None = None) -> Mo.MixedOp:
    arms = Mo.MixedOp([Mo.Identity() for _ in probabilities], "sample", alpha)
    if alpha is None:
        arms.alpha.d = np.log(probabilities).reshape(arms.alpha.shape)
    return arms


def test_the_gradient_of_a_two_armed_bandit_is_that_of_the_expected_reward() -> None:
    # Arm 1 is drawn three times as often as arm 0, in just these proportions: the sample mean is
    # the expectation. E[R] = p0 r0 + p1 r1, so d(−E[R])/dα0 = −p0 p1 (r0 − r1).
    arms = bandit([0.25, 0.75])
    rewards = np.array([0.9, 0.4, 0.4, 0.4])
    for baseline in (0.0, 0.525):
        set_reinforce_gradient([arms], [[0], [1], [1], [1]], rewards - baseline)
        expected = 0.25 * 0.75 * (0.9 - 0.4)
        np.testing.assert_allclose(arms.alpha.g.ravel(), [-expected, expected], rtol=1e-6)


def test_draws_of_choices_that_share_a_parameter_all_contribute() -> None:
    first = bandit([0.5, 0.5])
    second = bandit([0.5, 0.5], first.alpha)
    set_reinforce_gradient([first, second], [[0, 1], [0, 0]], np.array([1.0, 3.0]))
    # (1·(½−1) + 3·(½−1) + 1·½ + 3·(½−1)) / 2 for the first candidate
    np.testing.assert_allclose(first.alpha.g.ravel(), [-1.5, 1.5])


def test_a_bandit_is_learned(build, layers_json) -> None:
    searcher = build(layers_json)
    rewards = {(0, 0): 0.1, (0, 1): 0.2, (1, 0): 0.3, (1, 1): 0.9}
    searcher.judge_graph = SimpleNamespace(
        evaluate=lambda batch: Score((0.0, 1 - rewards[tuple(c.active for c in searcher.choices)]))
    )
    for _ in range(60):
        searcher.architecture_step()
    assert searcher.model.most_probable_architecture() == [1, 1]
    assert min(choice.probabilities[1] for choice in searcher.choices) > 0.8


def test_the_baseline_starts_at_the_first_mean_and_follows_slowly(build, layers_json) -> None:
    searcher = build(layers_json)
    errors = iter([0.2, 0.2, 0.2, 0.2, 0.6, 0.6, 0.6, 0.6])
    searcher.judge_graph = SimpleNamespace(evaluate=lambda batch: Score((0.0, next(errors))))
    before = [p.d.copy() for p in searcher.arch_parameters.values()]
    searcher.architecture_step()
    assert searcher.progress.baseline == pytest.approx(0.8)
    for p, old in zip(searcher.arch_parameters.values(), before, strict=True):
        np.testing.assert_array_equal(p.d, old)  # no advantage, no gradient
    searcher.architecture_step()
    assert searcher.progress.baseline == pytest.approx(0.9 * 0.8 + 0.1 * 0.4)


def snapshot(searcher) -> dict[str, np.ndarray]:
    return {path: p.d.copy() for path, p in searcher.model.get_parameters().items()}


def test_an_architecture_step_leaves_weights_and_running_statistics_alone(
    build, search_json
) -> None:
    searcher = build(search_json)
    searcher.search_update()
    before = snapshot(searcher)
    searcher.architecture_step()
    after = snapshot(searcher)
    moved = {path for path in before if (before[path] != after[path]).any()}
    assert moved == set(searcher.arch_parameters)


def test_a_weight_step_moves_the_drawn_path_only_and_not_the_architecture(
    build, search_json
) -> None:
    searcher = build(search_json)
    searcher.model.set_architecture([0] * len(searcher.choices))
    before = snapshot(searcher)
    searcher.weight_step(searcher.train_optimizer)
    after = snapshot(searcher)
    moved = {path for path in before if (before[path] != after[path]).any()}
    inactive = {path for path in before if "/_ops/" in path and "/_ops/0/" not in path}
    assert inactive
    assert not moved & (inactive | set(searcher.arch_parameters))
    active = set(before) - inactive - set(searcher.arch_parameters)
    assert moved == active


def test_momentum_survives_steps_of_other_paths(build, layers_json) -> None:
    searcher = build(layers_json)
    layers_json["optimizer"]["train"] = {
        "solver": {"name": "Momentum", "lr": 0.1},
        "lr_scheduler": None,
    }
    searcher = build(layers_json, "constant")
    weight = searcher.model.first._ops[0][0]._W
    momentum = np.zeros(weight.shape)
    for path in ([0, 0], [1, 0], [1, 1], [0, 1]):
        searcher.model.set_architecture(path)
        old = weight.d.copy()
        searcher.weight_step(searcher.train_optimizer)
        if path[0] == 0:
            momentum = 0.9 * momentum + 0.1 * weight.g
            np.testing.assert_allclose(weight.d, old - momentum, rtol=1e-4, atol=1e-7)
        else:
            np.testing.assert_array_equal(weight.d, old)
    assert np.abs(momentum).max() > 0


@pytest.mark.parametrize("mini_batch", [32, 64, 128])
def test_accumulated_passes_equal_one_batch(build, layers_json, mini_batch: int) -> None:
    def weights_after(name: str, size: int) -> dict[str, np.ndarray]:
        searcher = build(layers_json, name, mini_batch_train=size, batch_size_train=256, cutout=0)
        searcher.model.set_architecture([1, 0])
        for _ in range(2):
            searcher.weight_step(searcher.train_optimizer)
        return snapshot(searcher)

    one, many = weights_after("one", 256), weights_after("many", mini_batch)
    for path, value in one.items():
        np.testing.assert_allclose(many[path], value, rtol=1e-4, atol=1e-6)


def test_weights_and_architecture_learn_from_different_images(build, layers_json) -> None:
    searcher = build(layers_json)
    assert not set(searcher.train_part) & set(searcher.valid_part)
    assert len(searcher.train_part) + len(searcher.valid_part) == 1437
    seen: dict[str, set[bytes]] = {"train": set(), "valid": set()}
    for name, loader in (("train", searcher.train_loader), ("valid", searcher.valid_loader)):
        for _ in range(6):
            seen[name] |= {image.tobytes() for image in loader.next().inputs}
    assert not seen["train"] & seen["valid"]
