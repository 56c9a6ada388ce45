"""Binary gates: what is computed behind them, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas import random


def gated(n: int = 4) -> Mo.MixedOp:
    candidates = [Mo.Conv(3, 3, (k, k), pad=(k // 2, k // 2)) for k in (1, 3, 5)]
    mixed = Mo.MixedOp([*candidates, Mo.Identity()][-n:], "sample")
    mixed.apply(gated=True)
    return mixed


def image() -> nn.Variable:
    return nn.Variable.from_numpy_array(np.random.default_rng(0).normal(size=(2, 3, 6, 6)))


@pytest.mark.parametrize("plain", [False, True])
def test_the_output_is_the_gated_sum_and_its_gradients_are_those_of_finite_differences(
    plain: bool,
) -> None:
    mixed, x = gated(), image()
    branches = [operator(x) for operator in mixed._ops]
    nn.forward_all(branches)
    if plain:
        with function.plain():
            y = mixed(x)
    else:
        y = mixed(x)
    weights = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)

    def value(pair: list[int], gates: Sequence[float]) -> float:
        mixed.gates.set(pair, gates)
        y.forward(clear_no_need_grad=True)
        np.testing.assert_allclose(
            y.d, sum(g * branches[k].d for k, g in zip(pair, gates, strict=True)), atol=1e-5
        )
        return float((weights * y.d).sum())

    for pair in ([0, 2], [3, 1]):
        opened = np.array([1.0, 0.0])
        steps = np.eye(2) * 0.5
        slopes = [value(pair, opened + step) - value(pair, opened - step) for step in steps]
        value(pair, [1.0, 0.0])
        y.backward(nn.NdArray.from_numpy_array(weights), clear_buffer=True)
        np.testing.assert_allclose(mixed.gates.gradient(), slopes, rtol=1e-3, atol=1e-3)


def test_gradients_of_several_passes_add_up_and_are_forgotten_with_new_gates() -> None:
    mixed, x = gated(), image()
    y = mixed(x)
    mixed.gates.set([0, 1], [1.0, 0.0])
    gradients = []
    for _ in range(2):
        y.forward(clear_no_need_grad=True)
        y.backward(1, clear_buffer=True)
        gradients.append(mixed.gates.gradient())
    np.testing.assert_allclose(gradients[1], 2 * gradients[0], rtol=1e-6)
    assert np.abs(gradients[0]).min() > 0
    mixed.gates.set([0, 1], [1.0, 0.0])
    np.testing.assert_array_equal(mixed.gates.gradient(), [0, 0])


def test_what_was_not_sampled_is_run_in_neither_direction() -> None:
    mixed, x = gated(), image()
    y = mixed(x)
    mixed.gates.set([3, 1], [1.0, 0.0])
    for parameter in mixed.get_parameters(grad_only=True).values():
        parameter.grad.zero()
    for operator in (mixed._ops[0], mixed._ops[2]):
        operator._W.d = np.nan
    y.forward()
    y.backward(1)
    assert np.isfinite(y.d).all()
    touched = [not operator._W.grad.zeroing for operator in list(mixed._ops)[:3]]
    assert touched == [False, True, False]


def test_gated_and_sampled_graphs_of_a_choice_do_not_disturb_each_other() -> None:
    mixed, x = gated(), image()
    two = mixed(x)
    mixed.apply(gated=False)
    one = mixed(x)
    mixed.active = 2
    mixed.gates.set([0, 1], [0.25, 0.5])
    branches = [operator(x) for operator in mixed._ops]
    nn.forward_all([one, two, *branches])
    np.testing.assert_array_equal(one.d, branches[2].d)
    np.testing.assert_allclose(two.d, 0.25 * branches[0].d + 0.5 * branches[1].d, atol=1e-6)


def test_pairs_are_drawn_without_replacement_and_one_opened_by_their_own_probabilities() -> None:
    p = np.array([0.1, 0.2, 0.3, 0.4])
    mixed = gated()
    mixed.alpha.d = np.log(p).reshape(mixed.alpha.shape)
    n = 6000
    counts = np.zeros((4, 4))
    with random.use(random.Streams(3)):
        for _ in range(n):
            opened, closed = mixed.draw_pair()
            counts[opened, closed] += 1
    expected = np.zeros((4, 4))
    for i in range(4):
        for j in set(range(4)) - {i}:
            together = p[i] * p[j] / (1 - p[i]) + p[j] * p[i] / (1 - p[j])
            expected[i, j] = n * together * p[i] / (p[i] + p[j])
    off = ~np.eye(4, dtype=bool)
    assert counts.trace() == 0
    # 31.26 is the 99.9 % quantile of chi-square with eleven degrees of freedom.
    assert ((counts - expected)[off] ** 2 / expected[off]).sum() < 31.26


def test_a_pair_of_a_choice_that_is_all_but_certain_is_still_two_candidates() -> None:
    mixed = gated()
    mixed.alpha.d = np.array([0, 0, 5000, 0]).reshape(mixed.alpha.shape)
    opened, closed = mixed.draw_pair()
    assert opened == 2
    assert closed != 2


def test_the_only_candidate_is_drawn_alone() -> None:
    mixed = gated(1)
    y = mixed(image())
    assert mixed.draw_pair() == [0]
    y.forward()
    np.testing.assert_allclose(y.d, image().d)
