"""Activations, merging and wrapped functions against numpy, gradients included."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.function as function
import nnabla_nas.module as Mo

# Every bend of the functions, and both sides of it.
VALUES = np.array([-7.0, -3.0, -2.9, -1.0, -0.1, 0.0, 0.1, 2.0, 2.9, 3.0, 6.0, 6.1, 9.0])


def hard_sigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


ACTIVATIONS = [
    (Mo.ReLU(inplace=True), lambda x: np.maximum(x, 0), lambda x: x > 0),
    (Mo.ReLU6(), lambda x: x.clip(0, 6), lambda x: (x > 0) & (x < 6)),
    (Mo.LeakyReLU(), lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.where(x > 0, 1, 0.1)),
    (
        Mo.LeakyReLU(0.3, inplace=True),
        lambda x: np.where(x > 0, x, 0.3 * x),
        lambda x: np.where(x > 0, 1, 0.3),
    ),
    (Mo.Hsigmoid(), hard_sigmoid, lambda x: ((x > -3) & (x < 3)) / 6),
    (
        Mo.Hswish(),
        lambda x: x * hard_sigmoid(x),
        lambda x: hard_sigmoid(x) + x * ((x > -3) & (x < 3)) / 6,
    ),
]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(("module", "value", "slope"), ACTIVATIONS, ids=lambda v: type(v).__name__)
def test_activations(module, value, slope, plain: bool) -> None:
    x = nn.Variable.from_numpy_array(VALUES.reshape(1, -1)).apply(need_grad=True)
    x.grad.zero()
    if plain:
        with function.plain():
            y = module(x)
    else:
        y = module(x)
    y.forward()
    y.backward()
    np.testing.assert_allclose(y.d.ravel(), value(VALUES), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(x.g.ravel(), slope(VALUES), rtol=1e-5, atol=1e-6)
    # Whatever `inplace` says, the input is what it was: another branch may read it.
    np.testing.assert_allclose(x.d.ravel(), VALUES, rtol=1e-6)


def test_activations_let_a_nan_through() -> None:
    for module, _, _ in ACTIVATIONS[1:]:
        y = module(nn.Variable.from_numpy_array(np.array([[np.nan, 1.0]])))
        y.forward()
        assert np.isnan(y.d[0, 0]), module


def test_leaky_relu_says_its_slope() -> None:
    assert str(Mo.LeakyReLU(0.2)) == "LeakyReLU(alpha=0.2)"


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize(
    ("mode", "merge"),
    [
        ("concat", lambda arrays: np.concatenate(arrays, 1)),
        ("add", lambda arrays: np.sum(arrays, 0)),
        ("mul", lambda arrays: np.prod(arrays, 0)),
    ],
)
def test_merging(mode: str, merge, n: int) -> None:
    arrays = np.random.default_rng(n).normal(size=(n, 2, 3, 4, 5))
    inputs = [nn.Variable.from_numpy_array(a) for a in arrays]
    y = Mo.Merging(mode)(*inputs)
    if n == 1:
        assert y is inputs[0]
        return
    y.forward()
    np.testing.assert_allclose(y.d, merge(arrays), rtol=1e-5, atol=1e-6)


def test_concatenating_along_another_axis() -> None:
    images = [nn.Variable((1, 2, rows, 5)) for rows in (3, 4)]
    assert Mo.Merging("concat", axis=2)(*images).shape == (1, 2, 7, 5)


def test_the_gradient_of_a_product_exists_where_a_factor_is_zero() -> None:
    arrays = [np.array([[0.0, 2.0]]), np.array([[3.0, 0.0]]), np.array([[5.0, 7.0]])]
    factors = [nn.Variable.from_numpy_array(a).apply(need_grad=True) for a in arrays]
    for factor in factors:
        factor.grad.zero()
    y = Mo.Merging("mul")(*factors)
    y.forward()
    y.backward()
    np.testing.assert_array_equal(factors[0].g, [[15, 0]])
    np.testing.assert_array_equal(factors[1].g, [[0, 14]])
    np.testing.assert_array_equal(factors[2].g, [[0, 0]])


def test_merging_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="concat, add, mul; got 'mean'"):
        Mo.Merging("mean")
    with pytest.raises(ValueError, match="at least one input"):
        Mo.Merging("add")()
    assert str(Mo.Merging("concat", 2)) == "Merging(mode=concat, axis=2)"


def test_lambda_applies_its_function_and_records_shapes() -> None:
    def double(x: nn.Variable, times: float = 2.0) -> nn.Variable:
        return x * times

    module = Mo.Lambda(double)
    x = nn.Variable.from_numpy_array(np.ones((2, 3)))
    y = Mo.Sequential(module, module)(x)
    z = module(x, times=5.0)
    nn.forward_all([y, z])
    assert (y.d == 4).all()
    assert (z.d == 5).all()
    assert module.input_shapes == ((2, 3),)
    assert str(module) == "Lambda(double)"
    assert not module.get_parameters()
    with pytest.raises(TypeError, match="callable, got int"):
        Mo.Lambda(3)
