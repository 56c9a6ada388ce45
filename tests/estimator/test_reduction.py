"""Smaller decisions within limits, against all architectures."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nnabla_nas.estimator.reduction import reduced


@pytest.mark.parametrize("least", [0, -4])
def test_the_architectures_within_the_limits_stay_the_same(least: int) -> None:
    generator, sizes = np.random.default_rng(0), (3, 2, 4)
    left_out = dropped = 0
    for _ in range(60):
        costs = [[[generator.integers(least, 9, n).astype(float)] for n in sizes] for _ in range(3)]
        limits = [float(limit) for limit in generator.integers(2, 30, 3)]
        possible, binding = reduced(costs, limits, costs[0], [True] * len(costs[0]))
        left = [set(edges[0].tolist()) for edges in possible]
        for one in product(*map(range, sizes)):
            sums = [sum(node[0][i] for node, i in zip(row, one, strict=True)) for row in costs]
            within = all(s <= limit for s, limit in zip(sums, limits, strict=True))
            found = all(i in numbers for i, numbers in zip(one, left, strict=True)) and all(
                sums[n] <= limits[n] for n in binding
            )
            assert found == within
        left_out += sum(sizes) - sum(map(len, left))
        dropped += 3 - len(binding)
    assert left_out > 0 or least < 0
    assert dropped > 0


def test_a_cost_of_just_the_limit_stays() -> None:
    possible, binding = reduced([[[np.array([3.0, 4.0, 5.0])]]], [4.0], [[np.zeros(3)]], [True])
    assert possible[0][0].tolist() == [0, 1]
    assert binding == []


def test_without_limits_nothing_is_left_out() -> None:
    possible, binding = reduced([], [], [[np.zeros(2), np.zeros(3)]], [True])
    assert [one.tolist() for one in possible[0]] == [[0, 1], [0, 1, 2]]
    assert binding == []
