"""Sums of latencies against whole networks."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_nas.estimator.latency_file import Latency
from nnabla_nas.estimator.table_error import rank_correlation, table_error


def test_the_offset_is_fitted_on_some_and_judged_on_the_others() -> None:
    numbers = [(1, 2.0), (2, 3.1), (3, 4.0), (4, 5.0), (8, 10.0)]
    pairs = [(total, Latency(whole, 0.1)) for total, whole in numbers]
    error = table_error(pairs, 3)
    assert error.offset == pytest.approx(1)
    assert error.median_error == pytest.approx((0 + 0.1) / 2)
    assert error.median_error_without_offset == pytest.approx(0.2)
    assert error.rank_correlation == pytest.approx(1)
    words = error.to_json()
    assert words["held_out"] == [{"sum_ms": 4, "whole_ms": 5.0}, {"sum_ms": 8, "whole_ms": 10.0}]
    assert len(words["fitted_on"]) == 3
    assert str(error) == (
        "sum of operations against 2 whole networks: rank correlation 1.000, median error 5.0% "
        "with an offset of +1 ms (fitted on 3 others), 20.0% without"
    )


def test_the_rank_correlation_is_spearmans() -> None:
    assert rank_correlation([1, 2, 3], [1, 8, 27]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 1, 1], [3, 2, 1]) is None
    generator = np.random.default_rng(0)
    a, b = generator.permutation(9), generator.permutation(9)
    # Without ties: 1 - 6 sum of squared differences / n (n^2 - 1).
    expected = 1 - 6 * np.sum((a - b) ** 2) / (9 * 80)
    assert rank_correlation(a, b) == pytest.approx(expected)
    # Ties share the mean of their ranks: 1.5, 1.5, 3 against 1, 2, 3.
    assert rank_correlation([5, 5, 7], [1, 2, 3]) == pytest.approx(np.sqrt(3) / 2)
