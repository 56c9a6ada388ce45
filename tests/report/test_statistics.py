"""Statistics against closed forms, scipy's other functions and independent implementations."""

from __future__ import annotations

from itertools import combinations, product
from math import isclose, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_nas.report.statistics import difference, holm, summarize

SOME = [0.11, 0.13, 0.12, 0.17, 0.10, 0.16]


def by_seed(values: list[float], first: int = 0) -> dict[str, float]:
    return {str(seed): value for seed, value in enumerate(values, first)}


def test_summary_against_closed_forms() -> None:
    found = summarize(SOME)
    assert (found.n, found.best) == (6, 0.10)
    assert found.mean == pytest.approx(np.mean(SOME))
    assert found.deviation == pytest.approx(np.std(SOME, ddof=1))
    assert found.median == pytest.approx(0.125)


def test_the_interval_is_that_of_an_own_bootstrap() -> None:
    values = np.random.default_rng(3).normal(10, 2, 40)
    found = summarize(list(values)).interval
    assert found is not None
    means = np.random.default_rng(5).choice(values, (20_000, 40)).mean(axis=1)
    # Of values that are not skewed the corrected interval is that of the percentiles.
    assert found == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.08)
    assert found == pytest.approx(
        [values.mean() + side * 1.96 * values.std(ddof=1) / sqrt(40) for side in (-1, 1)], abs=0.12
    )


def test_the_interval_is_the_same_each_time_and_a_point_where_all_values_are_equal() -> None:
    assert summarize(SOME).interval == summarize(SOME).interval
    assert summarize([0.25] * 5).interval == (0.25, 0.25)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_below_five_there_is_neither_interval_nor_test(n: int) -> None:
    few = summarize(SOME[:n])
    assert few.interval is None
    assert (few.deviation is None) == (n == 1)
    for other in (by_seed(SOME), by_seed(SOME[:n])):
        found = difference(by_seed(SOME[:n]), other)
        assert (found.test, found.p, found.interval) == (None, None, None)
        assert found.mean == pytest.approx(np.mean(SOME[:n]) - np.mean(list(other.values())))


def signed_rank_p(gains: list[float]) -> float:
    """Count all signs: the exact two-sided p-value, ties and zeros of the gains included."""
    kept = [gain for gain in gains if gain]
    sizes = np.abs(kept)
    ranks = np.array([(sizes < s).sum() + ((sizes == s).sum() + 1) / 2 for s in sizes])
    middle = ranks.sum() / 2
    observed = abs(ranks[np.array(kept) > 0].sum() - middle)
    signs = np.array(list(product([0, 1], repeat=len(kept))))
    return float(np.mean(abs(signs @ ranks - middle) >= observed - 1e-9))


@pytest.mark.parametrize(
    "gains",
    [
        [0.01, 0.02, 0.03, 0.04, 0.05],
        [-0.01, 0.02, 0.03, -0.04, 0.05, 0.06, 0.07],
        [0.01, 0.01, -0.01, 0.02, 0.02, 0.03],
        [0.0, 0.0, 0.01, 0.02, 0.02, -0.01, 0.05],
    ],
)
def test_wilcoxon_against_all_signs_counted(gains: list[float]) -> None:
    base = [0.31, 0.27, 0.35, 0.29, 0.33, 0.28, 0.30][: len(gains)]
    group = [value + gain for value, gain in zip(base, gains, strict=True)]
    found = difference(by_seed(group), by_seed(base))
    assert found.test == "Wilcoxon"
    assert found.p == pytest.approx(signed_rank_p([round(gain, 6) for gain in gains]))
    assert found.mean == pytest.approx(np.mean(gains))


def rank_sum_p(group: list[float], reference: list[float]) -> float:
    """Count all divisions of the values: the exact two-sided p-value, ties included."""
    values = np.array([*group, *reference])

    def u(chosen: tuple[int, ...]) -> float:
        inside = values[list(chosen)]
        outside = np.delete(values, list(chosen))
        less = (inside[:, None] < outside).sum() + (inside[:, None] == outside).sum() / 2
        return abs(float(less) - len(group) * len(reference) / 2)

    observed = u(tuple(range(len(group))))
    divisions = [u(chosen) for chosen in combinations(range(len(values)), len(group))]
    return float(np.mean([one >= observed - 1e-9 for one in divisions]))


@pytest.mark.parametrize(
    ("group", "reference"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], [0.6, 0.7, 0.8, 0.9, 1.0]),
        ([0.11, 0.27, 0.31, 0.12, 0.2], [0.25, 0.3, 0.4, 0.15, 0.5, 0.45]),
        ([0.1, 0.1, 0.2, 0.3, 0.2], [0.2, 0.3, 0.3, 0.2, 0.4]),
    ],
)
def test_mann_whitney_against_all_divisions_counted(
    group: list[float], reference: list[float]
) -> None:
    found = difference(by_seed(group), by_seed(reference, first=3))
    assert found.test == "Mann-Whitney"
    assert found.p == pytest.approx(rank_sum_p(group, reference))


def test_equal_groups_do_not_differ() -> None:
    for first in (0, 3):
        found = difference(by_seed([0.2] * 6), by_seed([0.2] * 6, first))
        assert (found.mean, found.p, found.interval) == (0, 1, (0, 0))


def test_the_same_seeds_are_compared_seed_by_seed_in_whatever_order() -> None:
    group, reference = by_seed(SOME), by_seed([value + 0.01 for value in SOME])
    shuffled = dict(reversed(group.items()))
    assert difference(shuffled, reference) == difference(group, reference)
    assert difference(shuffled, reference).interval == pytest.approx((-0.01, -0.01))


def test_the_interval_of_a_difference_is_that_of_an_own_bootstrap() -> None:
    stream = np.random.default_rng(1)
    one, other = stream.normal(5, 1, 30), stream.normal(4, 1, 25)
    found = difference(by_seed(list(one)), by_seed(list(other), first=7)).interval
    means = [stream.choice(x, (20_000, x.size)).mean(axis=1) for x in (one, other)]
    assert found == pytest.approx(np.percentile(means[0] - means[1], [2.5, 97.5]), abs=0.06)


def test_holm_against_a_published_example() -> None:
    # Holm (1979) as R's p.adjust computes it.
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.2))
def test_holm_rejects_what_stepping_down_rejects(p_values: list[float], level: float) -> None:
    rejected: set[int] = set()
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        scaled = p_values[index] * (len(p_values) - step)
        if isclose(scaled, level, rel_tol=1e-9) or scaled > level:
            break
        rejected.add(index)
    adjusted = holm(p_values)
    assert {i for i, p in enumerate(adjusted) if p < level and not isclose(p, level)} == rejected
    assert all(0 <= p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
