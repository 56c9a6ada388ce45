"""The gradient through binary gates, and what an update by it must leave alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.runner.searcher.binary_gates import (
    keep_other_probabilities,
    sampled_entries,
    set_gate_gradient,
)


@pytest.fixture
def gate_json(search_json: dict[str, Any]) -> dict[str, Any]:
    """Return a search of a small mobilenet by gates."""
    search_json["algorithm"] = {"name": "ProxylessNasSearcher", "update": "gate"}
    search_json["network"] |= {
        "settings": [[8, 3, 2]],
        "candidates": ["MB1 3x3", "MB3 3x3", "MB1 5x5"],
        "drop_rate": 0,
    }
    return search_json


def two_path_probabilities(alpha: np.ndarray, pair: list[int]) -> np.ndarray:
    exponentials = np.exp(alpha[pair])
    return exponentials / exponentials.sum()


def test_the_gradient_is_that_of_finite_differences_over_continuous_gates(build, gate_json) -> None:
    # Gates open by p̂(α) make the loss a smooth function of α, whose gradient is the rule's.
    searcher = build(gate_json)
    batch = searcher.valid_loader.next()
    rng = np.random.default_rng(0)
    pairs = [list(rng.permutation(len(choice.names))[:2]) for choice in searcher.choices]
    alphas = [rng.normal(size=len(choice.names)) for choice in searcher.choices]

    def set_gates(values: list[np.ndarray]) -> None:
        for choice, pair, alpha in zip(searcher.choices, pairs, values, strict=True):
            choice.gates.set(pair, two_path_probabilities(alpha, pair))

    for choice, alpha in zip(searcher.choices, alphas, strict=True):
        choice.alpha.d = alpha.reshape(choice.alpha.shape)
    set_gates(alphas)
    searcher.gate_graph.accumulate(batch)
    set_gate_gradient(searcher.choices)
    largest = 0.0
    for position, choice in enumerate(searcher.choices):
        gradient = choice.alpha.g.ravel()
        unsampled = sorted(set(range(len(choice.names))) - set(pairs[position]))
        assert (gradient[unsampled] == 0).all()
        for entry in pairs[position]:
            losses = []
            for step in (0.02, -0.02):
                changed = [alpha.copy() for alpha in alphas]
                changed[position][entry] += step
                set_gates(changed)
                losses.append(searcher.gate_graph.accumulate(batch)[0])
            slope = (losses[0] - losses[1]) / 0.04
            np.testing.assert_allclose(gradient[entry], slope, rtol=0.02, atol=2e-4)
            largest = max(largest, abs(slope))
    assert largest > 0.01


def test_pairs_of_choices_that_share_a_parameter_all_contribute() -> None:
    alpha = Mo.Parameter((3, 1, 1, 1, 1))
    alpha.d = np.log([1, 2, 3]).reshape(alpha.shape)
    choices = [Mo.MixedOp([Mo.Identity()] * 3, "sample", alpha) for _ in range(2)]
    slopes = ([0.5, -1.0], [2.0, 0.25])
    pairs = ([0, 1], [2, 0])
    for choice, pair, slope in zip(choices, pairs, slopes, strict=True):
        choice.gates.set(pair, [1.0, 0.0])
        choice.gates.gradient = lambda slope=slope: np.array(slope)
    set_gate_gradient(choices)
    # With p1 = (1/3, 2/3) and p2 = (3/4, 1/4): ∂L/∂α_i = p_i p_j (∂L/∂g_i − ∂L/∂g_j).
    first, second = 2 / 9 * 1.5, 3 / 16 * 1.75
    np.testing.assert_allclose(alpha.g.ravel(), [first - second, -first, second], rtol=1e-6)
    mask = sampled_entries({"alpha": alpha}, choices)["alpha"]
    assert mask.shape == alpha.shape
    assert mask.all()


@pytest.mark.parametrize("sampled", [[0, 2], [1, 3], [0, 1, 3]])
def test_the_probabilities_of_what_was_not_sampled_stay(sampled: list[int]) -> None:
    rng = np.random.default_rng(0)
    choice = Mo.MixedOp([Mo.Identity()] * 4, "sample")
    before = rng.normal(size=(4, 1, 1, 1, 1)).astype(np.float32)
    choice.alpha.d = before
    old = choice.probabilities
    mask = np.zeros(before.shape, bool)
    mask[sampled] = True
    choice.alpha.d = np.where(mask, before + rng.normal(size=before.shape), before)
    changed = choice.alpha.d.ravel()
    ratio = changed[sampled[0]] - changed[sampled[1]]
    keep_other_probabilities(choice.alpha, before, mask)
    others = ~mask.ravel()
    np.testing.assert_allclose(choice.probabilities[others], old[others], rtol=1e-6)
    assert np.abs(choice.probabilities - old)[~others].min() > 1e-3
    after = choice.alpha.d.ravel()
    assert after[sampled[0]] - after[sampled[1]] == pytest.approx(ratio, abs=1e-5)


def test_a_gate_step_moves_the_sampled_candidates_alone_whatever_their_momentum(
    build, gate_json
) -> None:
    searcher = build(gate_json)
    for step in range(6):
        before = {path: p.d.copy() for path, p in searcher.model.get_parameters().items()}
        old = [choice.probabilities for choice in searcher.choices]
        state = searcher.valid_optimizer.state_dict()["solver"]
        searcher.gate_step()
        after = searcher.valid_optimizer.state_dict()["solver"]
        for path, p in searcher.model.get_parameters().items():
            if path not in searcher.arch_parameters:
                np.testing.assert_array_equal(p.d, before[path])
        for (path, alpha), choice, was in zip(
            searcher.arch_parameters.items(), searcher.choices, old, strict=True
        ):
            sampled = choice.gates.sampled
            others = sorted(set(range(alpha.size)) - set(sampled))
            assert len(sampled) == 2
            np.testing.assert_array_equal(alpha.d[others], before[path][others])
            np.testing.assert_allclose(choice.probabilities[others], was[others], rtol=1e-5)
            assert (alpha.d[sampled] != before[path][sampled]).all()
            for key, array in after[path]["arrays"].items():
                np.testing.assert_array_equal(
                    array[others], state[path]["arrays"][key][others], err_msg=f"{step} {key}"
                )
                assert (array[sampled] != 0).all()


def test_the_better_candidate_is_learned(build, search_json) -> None:
    # The second candidates of both choices answer nothing whatever the image.
    search_json["network"] = {"search_space": "toy_layers"}
    search_json["algorithm"] = {"name": "ProxylessNasSearcher", "update": "gate"}
    searcher = build(search_json)
    for choice in searcher.choices:
        for p in choice._ops[1].get_parameters().values():
            p.d = 0
    for _ in range(10):
        searcher.model.set_architecture([0, 0])
        searcher.weight_step(searcher.train_optimizer)
    for _ in range(30):
        searcher.gate_step()
    assert min(choice.probabilities[0] for choice in searcher.choices) > 0.7


def test_accumulated_passes_equal_one_batch(build, layers_json) -> None:
    layers_json["algorithm"] = {"name": "ProxylessNasSearcher", "update": "gate"}

    def gradient(size: int) -> np.ndarray:
        searcher = build(layers_json, f"in_passes_of_{size}", mini_batch_valid=size)
        searcher.gate_step()
        return np.stack([alpha.g.ravel() for alpha in searcher.arch_parameters.values()])

    whole = gradient(128)
    np.testing.assert_allclose(gradient(32), whole, rtol=1e-3, atol=1e-6)
    assert np.abs(whole).max() > 0
