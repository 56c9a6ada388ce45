from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas import random


def candidates() -> list[Mo.Module]:
    return [
        Mo.Sequential(
            Mo.Conv(3, 3, (k, k), pad=(k // 2, k // 2), with_bias=False),
            Mo.BatchNormalization(3, 4),
        )
        for k in (1, 3, 5)
    ] + [Mo.Identity(), Mo.Zero()]


def image() -> nn.Variable:
    return nn.Variable.from_numpy_array(np.random.default_rng(0).normal(size=(2, 3, 6, 6)))


def test_full_is_the_weighted_sum_and_differentiable_in_alpha() -> None:
    mixed = Mo.MixedOp(candidates(), "full").apply(training=False)
    mixed.alpha.d = np.array([0.5, -1, 2, 0, 1]).reshape(mixed.alpha.shape)
    x = image()
    branches = [op(x) for op in mixed._ops]
    nn.forward_all(branches)
    values = np.stack([b.d for b in branches])
    p = np.exp(mixed.alpha.d.ravel())
    p /= p.sum()
    y = mixed(x)
    y.forward()
    np.testing.assert_allclose(y.d, np.tensordot(p, values, 1), rtol=1e-4, atol=1e-5)
    weights = np.random.default_rng(1).normal(size=y.shape)
    mixed.alpha.grad.zero()
    y.backward(nn.NdArray.from_numpy_array(weights.astype(np.float32)))
    inner = np.tensordot(values, weights, 4)
    np.testing.assert_allclose(mixed.alpha.g.ravel(), p * (inner - p @ inner), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("index", range(5))
def test_the_mask_computes_what_a_freshly_built_candidate_computes(index: int) -> None:
    def run(build) -> tuple[np.ndarray, ...]:
        with random.use(random.Streams(7)):
            mixed = Mo.MixedOp(candidates(), "sample")
        x = image()
        x.need_grad = True
        y = build(mixed, x)
        for p in mixed.get_parameters(grad_only=True).values():
            p.grad.zero()
        x.grad.zero()
        y.forward()
        y.backward(1)
        statistics = [p.d.copy() for p in mixed.get_parameters().values()]
        gradients = [p.g.copy() for p in mixed._ops[index].get_parameters(grad_only=True).values()]
        inactive = [
            p
            for k, op in enumerate(mixed._ops)
            if k != index
            for p in op.get_parameters(grad_only=True).values()
        ]
        assert all(p.grad.zeroing for p in inactive)
        return (y.d.copy(), x.g.copy(), *gradients, *statistics)

    def masked(mixed: Mo.MixedOp, x: nn.Variable) -> nn.Variable:
        y = mixed(x)
        y.forward()
        # Built with candidate 0 active, whose statistics have moved.
        norm = mixed._ops[0][1]
        norm._mean.d, norm._var.d = 0, 1
        mixed.active = index
        return y

    def fresh(mixed: Mo.MixedOp, x: nn.Variable) -> nn.Variable:
        return mixed._ops[index](x) if index != 3 else mixed._ops[index](x) * 1.0

    for a, b in zip(run(masked), run(fresh), strict=True):
        np.testing.assert_array_equal(a, b)


def test_max_takes_the_largest_alpha_and_active_only_builds_nothing_else() -> None:
    alpha = Mo.Parameter((5, 1, 1, 1, 1), initializer=lambda s: np.eye(5)[2].reshape(s))
    mixed = Mo.MixedOp(candidates(), "max", alpha=alpha).apply(training=False)
    x = image()
    y, expected = mixed(x), mixed._ops[2](x)
    nn.forward_all([y, expected])
    np.testing.assert_array_equal(y.d, expected.d)
    mixed.apply(active_only=True)
    functions = []
    with function.plain():
        y = mixed(nn.Variable((2, 3, 6, 6)))
    y.visit(lambda f: functions.append(f.info.type_name))
    assert functions == ["Convolution", "BatchNormalization"]


def test_where_functions_run_as_they_are_made_only_the_active_one_runs() -> None:
    mixed = Mo.MixedOp(candidates(), "sample")
    mixed.active = 3
    with nn.auto_forward():
        x = image()
        np.testing.assert_array_equal(mixed(x).d, x.d)
    assert not mixed._chosen


def test_draws_follow_the_probabilities_and_the_runs_stream() -> None:
    mixed = Mo.MixedOp(candidates(), "sample")
    mixed.alpha.d = np.log([0.1, 0.2, 0.3, 0.4, 1e-9]).reshape(mixed.alpha.shape)
    with random.use(random.Streams(0)):
        drawn = np.bincount([mixed.draw() for _ in range(4000)], minlength=5)
    expected = 4000 * np.array([0.1, 0.2, 0.3, 0.4])
    # 16.27 is the 99.9 % quantile of chi-square with three degrees of freedom.
    assert ((drawn[:4] - expected) ** 2 / expected).sum() < 16.27
    assert drawn[4] == 0


def test_wrong_modes_sizes_and_indices_are_refused() -> None:
    with pytest.raises(ValueError, match="mode"):
        Mo.MixedOp(candidates(), "best")
    with pytest.raises(ValueError, match="alpha"):
        Mo.MixedOp(candidates(), alpha=Mo.Parameter((4, 1, 1, 1, 1)))
    with pytest.raises(ValueError, match="active"):
        Mo.MixedOp(candidates()).active = 5
