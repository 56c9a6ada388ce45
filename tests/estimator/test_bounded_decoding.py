"""Decoding within bounds against brute force and a mixed-integer programme."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from nnabla_nas.estimator.bounded_decoding import most_probable_within

Case = tuple[list[np.ndarray], list[list[np.ndarray]], list[float]]


def case(generator: np.random.Generator, n: int, k: int, n_bounds: int) -> Case:
    logits = [generator.normal(scale=2, size=k) for _ in range(n)]
    log_p = [one - np.logaddexp.reduce(one) for one in logits]
    costs = [
        [generator.integers(0, 50, k).astype(float) for _ in range(n)] for _ in range(n_bounds)
    ]
    limits = []
    for one in costs:
        low, high = sum(c.min() for c in one), sum(c.max() for c in one)
        limits.append(float(np.floor(low + generator.uniform(-0.02, 0.7) * (high - low))))
    return log_p, costs, limits


def total(values: list[np.ndarray], indices: list[int]) -> float:
    return float(sum(one[i] for one, i in zip(values, indices, strict=True)))


def grid(values: list[np.ndarray]) -> np.ndarray:
    """Return the sum of every architecture."""
    sums = np.zeros(1)
    for one in values:
        sums = np.add.outer(sums, one).reshape(-1)
    return sums


@pytest.mark.parametrize("n_bounds", [1, 2])
def test_decoding_equals_brute_force(n_bounds: int) -> None:
    generator = np.random.default_rng(n_bounds)
    found = 0
    for _ in range(200):
        log_p, costs, limits = case(generator, 6, 5, n_bounds)
        within = np.all([grid(c) <= limit for c, limit in zip(costs, limits, strict=True)], axis=0)
        indices = most_probable_within(log_p, costs, limits)
        assert (indices is not None) == within.any()
        if indices is not None:
            found += 1
            assert total(log_p, indices) == pytest.approx(grid(log_p)[within].max(), abs=1e-9)
            assert all(total(c, indices) <= b for c, b in zip(costs, limits, strict=True))
    assert 100 < found < 200


@pytest.mark.parametrize("n_bounds", [1, 2])
def test_decoding_equals_a_mixed_integer_programme_on_21_blocks(n_bounds: int) -> None:
    generator = np.random.default_rng(10 + n_bounds)
    n, k = 21, 7
    for _ in range(5):
        log_p, costs, limits = case(generator, n, k, n_bounds)
        limits = [limit + 30 for limit in limits]
        choose = np.kron(np.eye(n), np.ones(k))
        bounded = np.stack([np.concatenate(one) for one in costs])
        best = milp(
            -np.concatenate(log_p),
            integrality=np.ones(n * k),
            bounds=Bounds(0, 1),
            constraints=[
                LinearConstraint(choose, 1, 1),
                LinearConstraint(bounded, -np.inf, limits),
            ],
            options={"mip_rel_gap": 0},
        )
        indices = most_probable_within(log_p, costs, limits)
        assert (indices is not None) == best.success
        if indices is not None:
            assert total(log_p, indices) == pytest.approx(-best.fun, abs=1e-6)
            assert all(total(c, indices) <= b for c, b in zip(costs, limits, strict=True))


def test_a_loose_limit_changes_nothing() -> None:
    log_p, costs, _ = case(np.random.default_rng(0), 8, 4, 2)
    loose = most_probable_within(log_p, costs, [1e9, 1e9])
    assert loose == [int(np.argmax(one)) for one in log_p]


def test_a_cost_that_equals_its_limit_is_within_it() -> None:
    costs = [[np.array([3.0, 5.0]), np.array([4.0, 1.0])]]
    log_p = [np.log([0.1, 0.9]), np.log([0.8, 0.2])]
    assert most_probable_within(log_p, costs, [9.0]) == [1, 0]
    assert most_probable_within(log_p, costs, [8.9]) == [1, 1]
    assert most_probable_within(log_p, costs, [3.9]) is None
