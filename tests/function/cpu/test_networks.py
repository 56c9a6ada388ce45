"""Whole modules equal what they are when built of nnabla's own functions."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_nas.function as function
import nnabla_nas.module as Mo
import nnabla_nas.module.static as smo
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


class Watched(Mo.Module):
    """A user's module that keeps what its layers put out, in several places."""

    batch_last = True

    def __init__(self, elsewhere: list[nn.Variable]) -> None:
        self._conv = Mo.Conv(3, 4, (1, 1), with_bias=False)
        self._norm = Mo.BatchNormalization(4, 4)
        self.convolved: list[nn.Variable] = []
        self.states: dict[str, tuple[nn.Variable, int]] = {}
        self.elsewhere = lambda x: elsewhere.append(function.keep(x))
        self.forgotten = lambda x: elsewhere.append(x)

    def call(self, x: nn.Variable) -> nn.Variable:
        y = self._conv(x)
        self.convolved = [y]
        y = self._norm(y)
        self.states = {"normalized": (y, 1)}
        y = function.relu(y)
        self.elsewhere(y)
        y = function.relu6(y)
        self.forgotten(y)
        return Mo.GlobalAvgPool()(y)


def watched(model: Watched, elsewhere: list[nn.Variable]) -> list[np.ndarray]:
    elsewhere.clear()
    y = model(images(0, 4, 3, 6, 5))
    y.forward()
    kept = [model.convolved[0], model.states["normalized"][0], elsewhere[0]]
    return [v.d.copy() for v in (*kept, y, elsewhere[1])]


def test_what_modules_keep_has_its_values(assert_close) -> None:
    elsewhere: list[nn.Variable] = []
    model = Watched(elsewhere)
    *fast, unsaid = watched(model, elsewhere)
    with function.plain():
        *plain, said = watched(model, elsewhere)
    for a, b in zip(fast, plain, strict=True):
        assert_close(a, b)
    assert np.all(np.isnan(unsaid))
    assert np.all(np.isfinite(said))


class Graphed(Mo.Module):
    """A graph of static modules, whose nodes know their outputs."""

    def __init__(self) -> None:
        self.image = smo.Input()
        conv = smo.Conv([self.image], 3, 4, (1, 1))
        norm = smo.BatchNormalization([conv], 4, 4)
        relu = smo.ReLU([norm])
        self.graph = smo.Graph(modules=[self.image, conv, norm, relu, smo.GlobalAvgPool([relu])])

    def call(self, x: nn.Variable) -> nn.Variable:
        self.image.value = x
        return self.graph()


def test_outputs_of_static_modules_have_their_values(assert_close) -> None:
    model, outputs = Graphed(), []
    for scope in (nullcontext(), function.plain()):
        with scope:
            model(images(0, 4, 3, 6, 5)).forward()
        outputs.append([node.output.d.copy() for node in model.graph[1:]])
    for a, b in zip(*outputs, strict=True):
        assert_close(a, b)
        assert np.any(a)


def test_an_output_alone_moves_no_statistics_of_another(function_names) -> None:
    class TwoHeads(Mo.Module):
        batch_last = True

        def __init__(self) -> None:
            self._stem = between(Mo.ReLU())
            self._heads = Mo.ModuleList([Mo.BatchNormalization(4, 4) for _ in range(2)])

        def call(self, x: nn.Variable) -> list[nn.Variable]:
            y = self._stem(x)
            return [head(y) for head in self._heads]

    model = TwoHeads()
    first, _ = model(images(0, 4, 3, 6, 5))
    assert "Program" in function_names(first)
    first.forward()
    moved = [np.any(model.get_parameters()[f"_heads/{k}/_mean"].d) for k in range(2)]
    assert moved == [True, False]


class OnlyZeros(Mo.Module):
    """A state that a sampled `none` reads alone."""

    batch_last = True

    def __init__(self) -> None:
        self._state = Mo.Sequential(
            Mo.Conv(3, 3, (1, 1), with_bias=False), Mo.BatchNormalization(3, 4)
        )
        self._edge = Mo.MixedOp([Mo.Zero(), Mo.Conv(3, 3, (1, 1), with_bias=False)], "sample")

    def call(self, x: nn.Variable) -> nn.Variable:
        return function.add([self._edge(self._state(x)), function.relu(x)])


@pytest.mark.parametrize("private", [False, True])
def test_states_that_none_alone_reads_learn_and_move_as_nnablas(assert_close, private) -> None:
    model = OnlyZeros().apply(private_statistics=private)
    _, fast = passes(model, [images(0, 4, 3, 6, 5)])
    learned = model.get_parameters(grad_only=True)
    have_gradient = {name for name, p in learned.items() if not p.grad.zeroing}
    with function.plain():
        _, plain = passes(model, [images(0, 4, 3, 6, 5)])
    assert have_gradient == {name for name, p in learned.items() if not p.grad.zeroing}
    for key in fast:
        assert_close(fast[key], plain[key], 1e-4)
    assert np.any(fast["_state/1/_mean"]) != private
