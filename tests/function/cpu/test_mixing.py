"""Weighted sums equal nnabla's own functions."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnabla_nas.function as function
from nnabla_nas.function import buffers
from nnabla_nas.function.cpu.building import Builder
from nnabla_nas.function.cpu.unit import Unit

few = settings(max_examples=15, deadline=None, derandomize=True)
SHAPE = st.sampled_from([(1, 3, 5, 7), (4, 2, 3, 3), (8, 9, 11, 13)])


def mixed(alpha: nn.Variable, branches: list[nn.Variable], zeros: list[bool]) -> nn.Variable:
    """Return the mixture of the branches, some of them replaced by zeros."""
    terms = [
        function.zeros_like(x, (1, 1)) if zero else x
        for x, zero in zip(branches, zeros, strict=True)
    ]
    return function.mix(terms, alpha)


@few
@given(shape=SHAPE, zeros=st.lists(st.booleans(), min_size=1, max_size=5))
def test_mixture(compare, shape, zeros) -> None:
    rng = np.random.default_rng(0)
    branches = [rng.normal(size=shape) for _ in zeros]

    def build(alpha: nn.Variable, *branches: nn.Variable) -> nn.Variable:
        return mixed(alpha, list(branches), zeros)

    compare(build, [rng.normal(size=(len(zeros), 1, 1, 1, 1)), *branches])


@few
@given(
    shape=SHAPE,
    zeros=st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=2, max_size=3),
    shared=st.booleans(),
)
def test_mixtures_summed_over_edges(compare, shape, zeros, shared) -> None:
    rng = np.random.default_rng(0)
    alphas = [rng.normal(size=(3, 1, 1, 1, 1)) for _ in zeros]
    states = [rng.normal(size=shape) for _ in range(2)]

    def build(*leaves: nn.Variable) -> nn.Variable:
        first, second, *alphas = leaves
        branches = [first, second, function.relu(first)]
        return function.add(
            [
                mixed(alphas[0 if shared else edge], branches, chosen)
                for edge, chosen in enumerate(zeros)
            ]
        )

    compare(build, [*states, *alphas])


@pytest.mark.parametrize("n", [2, 3, 4])
def test_sum_of_a_mixture_and_others(compare, n: int) -> None:
    rng = np.random.default_rng(n)

    def build(alpha: nn.Variable, *branches: nn.Variable) -> nn.Variable:
        return function.add([function.mix(branches, alpha), *branches])

    arrays = [rng.normal(size=(3, 2, 5, 4)) for _ in range(n)]
    compare(build, [rng.normal(size=n), *arrays])


def test_weights_that_do_not_learn(compare) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=3), *(rng.normal(size=(2, 3, 4, 5)) for _ in range(3))]
    compare(lambda alpha, *b: function.mix(b, alpha), arrays, fixed=[0])


def test_branches_that_need_no_gradient(compare) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=3), *(rng.normal(size=(2, 3, 4, 5)) for _ in range(3))]
    compare(lambda alpha, *b: function.mix(b, alpha), arrays, fixed=[1, 3])


@few
@given(shape=SHAPE)
def test_scaled_examples(compare, shape) -> None:
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 2, size=(shape[0], 1, 1, 1)) * 1.25
    compare(function.scale_examples, [rng.normal(size=shape), factors], fixed=[1])


def test_zero_branches_are_not_among_the_mixtures_inputs() -> None:
    x = nn.Variable((2, 3, 4, 5), need_grad=True)
    alpha = nn.Variable((3,), need_grad=True)
    fast = Builder()
    y = fast.mixture([x, fast.zeros(x, (1, 1)), x], alpha, alpha)
    assert len(fast.note(y).reads) == 2


def active_branches(leaves: list[nn.Variable], active: list[int]) -> list[np.ndarray]:
    """Return the output and all gradients when some branches are active."""
    x, *weights = leaves
    for leaf in leaves:
        leaf.grad.zero()
    with function.Building(lambda: True) as building:
        branches = [function.convolution(function.relu(x), weight) for weight in weights]
        y = function.choose([*branches, x], 0)
        switch = function.switch(y)
        y = building.wants(function.relu6(function.add([y, x])))
    switch.set_active(*active)
    y.forward()
    y.backward(nn.NdArray.from_numpy_array(np.full(y.shape, 0.5, np.float32)))
    return [y.d.copy(), *(leaf.g.copy() for leaf in leaves)]


@pytest.mark.parametrize("active", [[0], [1], [2], [0, 1], [2, 1]])
def test_chosen_branches(assert_close, active) -> None:
    rng = np.random.default_rng(0)
    shapes = [(4, 3, 5, 6), (3, 3, 1, 1), (3, 3, 1, 1)]
    leaves = [nn.Variable.from_numpy_array(rng.normal(size=s)) for s in shapes]
    for leaf in leaves:
        leaf.need_grad = True
    fast = active_branches(leaves, active)
    with function.plain():
        plain = active_branches(leaves, active)
    for a, b in zip(fast, plain, strict=True):
        assert_close(a, b)
    for index in {0, 1} - set(active):
        assert not np.any(fast[2 + index])


def test_branches_chosen_anew_in_one_graph() -> None:
    rng = np.random.default_rng(0)
    x = nn.Variable.from_numpy_array(rng.normal(size=(2, 3, 4, 5)).astype(np.float32))
    x.need_grad = True
    with function.Building(lambda: True) as building:
        y = building.wants(function.choose([function.relu(x), function.relu6(x), x], 0))
        switch = function.switch(y)
    expected = [np.maximum(x.d, 0), np.clip(x.d, 0, 6), x.d]
    for active in (2, 0, 1, 0, 2, 1):
        switch.set_active(active)
        y.forward()
        np.testing.assert_array_equal(y.d, expected[active])


@pytest.mark.parametrize("zeros", [False, True])
def test_concatenation(compare, zeros) -> None:
    rng = np.random.default_rng(0)

    def build(first: nn.Variable, second: nn.Variable) -> nn.Variable:
        parts = [function.zeros_like(first, (1, 1)) if zeros else first, function.relu(second)]
        return function.concatenate([*parts, first])

    compare(build, [rng.normal(size=(3, 2, 5, 4)), rng.normal(size=(3, 4, 5, 4))])


def three_choices(x: nn.Variable) -> tuple[nn.Variable, list[function.Switch], list[list[float]]]:
    """Return a network of three choices, their switches, and what their candidates multiply by."""
    factors = [[2.0, 3.0, 5.0], [7.0, 11.0, 13.0], [17.0, 19.0, 23.0]]
    switches = []
    with function.Building(lambda: True) as building:
        y = function.relu(x)
        for values in factors:
            weights = [nn.Variable.from_numpy_array(np.full((1, 1, 1, 1), v)) for v in values]
            # The sum reads what was before the choice once more.
            chosen = function.choose([function.convolution(y, w) for w in weights], 0)
            switches.append(function.switch(chosen))
            y = function.add([chosen, y])
        building.wants(y)
    return y, switches, factors


def test_passes_over_the_same_inputs_compute_what_they_share_once(monkeypatch) -> None:
    x = nn.Variable.from_numpy_array(np.arange(1, 5, dtype=np.float32).reshape(4, 1, 1, 1))
    y, switches, factors = three_choices(x)
    ran = []
    forward = Unit.forward

    def counted(self: Unit, *arguments: object) -> None:
        ran.append(self)
        forward(self, *arguments)

    monkeypatch.setattr(Unit, "forward", counted)
    orders = [(0, 0, 0), (0, 0, 1), (0, 2, 1), (1, 2, 1), (1, 0, 0), (1, 0, 0), (2, 2, 2)]
    counts = []
    with function.same_inputs():
        for order in orders:
            for switch, active in zip(switches, order, strict=True):
                switch.set_active(active)
            ran.clear()
            y.forward()
            counts.append(len(ran))
            expected = np.prod([f[active] + 1 for f, active in zip(factors, order, strict=True)])
            np.testing.assert_allclose(y.d, x.d * expected, rtol=1e-6)
    # A convolution per choice, from the first that differs; a sum's ReLU comes after it.
    assert counts == [4, 1, 2, 4, 2, 1, 4]
    assert not buffers._passes.get()._keepers
    x.d = -x.d
    y.forward()
    assert not np.any(y.d)


def test_what_nnablas_functions_compute_is_not_taken_from_the_pass_before() -> None:
    x = nn.Variable.from_numpy_array(np.arange(-4, 4, dtype=np.float32).reshape(8, 1, 1, 1))
    weights = nn.Variable.from_numpy_array(np.array([1.0, 0.0], np.float32))
    with function.Building(lambda: True):
        mixed = function.mix([x, function.relu(x)], nn.functions.mul_scalar(weights, 2.0))
        chosen = function.choose([function.relu(mixed), mixed], 1)
        switch = function.switch(chosen)
        y = function.connected(chosen)
    with function.same_inputs():
        for w, active in (([1, 0], 1), ([0, 1], 1), ([0.5, 0.5], 0), ([1, 0], 0)):
            weights.d = w
            switch.set_active(active)
            y.forward()
            first, second = np.exp(2 * np.array(w)) / np.exp(2 * np.array(w)).sum()
            expected = first * x.d + second * np.maximum(x.d, 0)
            expected = expected if active else np.maximum(expected, 0)
            np.testing.assert_allclose(y.d, expected, rtol=1e-5)
