"""Weighted sums equal nnabla's own functions."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnabla_nas.function as function

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
    inputs = []
    with function.Building(lambda: True):
        y = mixed(alpha, [x, x, x], [False, True, False])

    def look(f: nn.function.Function) -> None:
        if f.info.type_name == "Mixture":
            inputs.append(len(f.inputs))

    y.visit(look)
    # The weights and two branches.
    assert inputs == [3]
