"""Whole modules equal what they are when built of nnabla's own functions."""

from __future__ import annotations

from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.search_space.darts.cell import Cell
from nnabla_nas.search_space.mobilenet.blocks import InvertedResidual


@pytest.fixture(autouse=True)
def streams():
    with random.use(random.Streams(0)):
        yield


def images(seed: int, *shape: int) -> nn.Variable:
    x = nn.Variable.from_numpy_array(np.random.default_rng(seed).normal(size=shape))
    x.need_grad = True
    return x


def passes(model: Mo.Module, inputs: list[nn.Variable]) -> tuple[nn.Variable, dict[str, Any]]:
    """Return the output, and all values after a pass in both directions."""
    start = {name: p.d.copy() for name, p in model.get_parameters().items()}
    y = model(*inputs)
    learned = model.get_parameters(grad_only=True)
    for v in (*inputs, *learned.values()):
        v.grad.zero()
    y.forward()
    y.backward(nn.NdArray.from_numpy_array(np.random.default_rng(9).normal(size=y.shape)))
    found = {"output": y.d.copy()}
    found.update({f"input {i}": x.g.copy() for i, x in enumerate(inputs)})
    found.update({f"gradient of {name}": p.g.copy() for name, p in learned.items()})
    for name, p in model.get_parameters().items():
        found[name] = p.d.copy()
        p.d = start[name]
    return y, found


MODELS = {
    "cell": (lambda: Cell(2, 2, (6, 8, 4), (False, False)), [(4, 6, 7, 8), (4, 8, 7, 8)]),
    "reduction": (lambda: Cell(2, 2, (6, 8, 4), (False, True)), [(4, 6, 9, 8), (4, 8, 9, 8)]),
    "behind a reduction": (
        lambda: Cell(2, 2, (6, 8, 4), (True, False)),
        [(4, 6, 15, 16), (4, 8, 8, 8)],
    ),
    "residual": (lambda: InvertedResidual(8, 8, 5, 1, 6), [(4, 8, 7, 9)]),
    "stride": (lambda: InvertedResidual(6, 8, 3, 2, 3), [(4, 6, 9, 7)]),
    "no expansion": (lambda: InvertedResidual(6, 6, 7, 1, 1), [(4, 6, 7, 7)]),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "properties",
    [
        {"training": True},
        {"training": True, "private_statistics": True},
        {"training": False, "private_statistics": True},
        {"training": False},
    ],
)
def test_both_forms_of_a_module(assert_close, function_names, name, properties) -> None:
    build, shapes = MODELS[name]
    model = build().apply(**properties)
    inputs = [images(i, *shape) for i, shape in enumerate(shapes)]
    y, fast = passes(model, inputs)
    assert "Program" in function_names(y)
    with function.plain():
        z, plain = passes(model, inputs)
    assert "Program" not in function_names(z)
    assert fast.keys() == plain.keys()
    for key in fast:
        assert_close(fast[key], plain[key], 1e-4)
    moved = [k for k in fast if k.endswith("_mean") and np.any(fast[k])]
    assert bool(moved) == (properties == {"training": True})


class Swish(Mo.Module):
    """x · sigmoid(x), by nnabla's own functions: a user's module."""

    def call(self, x: nn.Variable) -> nn.Variable:
        return F.mul2(x, F.sigmoid(x))


class SaysOtherwise(Swish):
    """One that says that it calls none of them."""

    batch_last = True


class UsedTwice(Mo.Module):
    """A user's module in whose call a normalised activation has two readers."""

    batch_last = True

    def __init__(self, channels: int, reader: Mo.Module) -> None:
        self._norm = Mo.BatchNormalization(channels, 4)
        self._reader = reader

    def call(self, x: nn.Variable) -> nn.Variable:
        y = self._norm(x)
        return function.add([self._reader(y), y])


def between(module: Mo.Module) -> Mo.Module:
    return Mo.Sequential(
        Mo.Conv(3, 4, (3, 3), pad=(1, 1), with_bias=False),
        Mo.BatchNormalization(4, 4),
        module,
        InvertedResidual(4, 4, 3, 1, 2),
    )


def test_a_users_module_among_ours(assert_close) -> None:
    model, inputs = between(Swish()), [images(0, 4, 3, 6, 5)]
    _, fast = passes(model, inputs)
    with function.plain():
        _, plain = passes(model, inputs)
    for key in fast:
        assert_close(fast[key], plain[key], 1e-4)


def test_a_network_with_a_users_module_is_built_of_nnablas_functions(function_names) -> None:
    y = between(Swish())(images(0, 4, 3, 6, 5))
    assert "Program" not in function_names(y)


def test_a_users_module_that_calls_nnablas_functions_in_the_fast_layout() -> None:
    with pytest.raises(RuntimeError, match="must not set `batch_last`"):
        between(SaysOtherwise())(images(0, 4, 3, 6, 5))
    # The failure leaves nothing behind for the next network.
    y = between(Swish())(images(0, 4, 3, 6, 5))
    y.forward()
    assert np.all(np.isfinite(y.d))


@pytest.mark.parametrize(
    "reader",
    [
        Mo.ReLU6(),
        Mo.Sequential(Mo.ReLU6(), Mo.AvgPool((3, 3), (1, 1), (1, 1))),
    ],
)
@pytest.mark.parametrize("convolved", [False, True])
def test_running_statistics_move_once_where_an_activation_is_used_twice(
    assert_close, function_names, reader, convolved
) -> None:
    model = UsedTwice(3, reader)
    if convolved:
        model = Mo.Sequential(Mo.Conv(3, 3, (1, 1), with_bias=False), model)
    inputs = [images(0, 4, 3, 6, 5)]
    y, fast = passes(model, inputs)
    assert "Program" in function_names(y)
    if not convolved:
        expected = 0.1 * inputs[0].d.mean((0, 2, 3))
        np.testing.assert_allclose(fast["_norm/_mean"].ravel(), expected, rtol=1e-4, atol=1e-6)
    with function.plain():
        _, plain = passes(model, inputs)
    for key in fast:
        assert_close(fast[key], plain[key], 1e-4)
