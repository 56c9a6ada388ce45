"""What a few repetitions say of a value, and of the difference between two groups of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import fmean, median, stdev
from typing import Any

import numpy as np

# With fewer repetitions neither a test nor an interval means anything.
LEAST_FOR_TEST = 5
# With fewer, a difference of one standard deviation is missed more often than one time in four.
LEAST_FOR_ONE_DEVIATION = 15
LEVEL = 0.05
WILCOXON, MANN_WHITNEY = "Wilcoxon", "Mann-Whitney"
_RESAMPLES = 9999
# Up to so many ways to divide tied values into two groups all of them are counted.
_MOST_DIVISIONS = 20_000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Summary:
    """What repetitions say of a value; less is better.

    Args:
        n: how many there are.
        mean: their mean.
        deviation: their standard deviation (n - 1), None of one.
        median: the middle one.
        best: the least.
        interval: bootstrap 95 % interval of the mean, None below five.
    """

    n: int
    mean: float
    deviation: float | None
    median: float
    best: float
    interval: Interval | None


@dataclass(frozen=True)
class Difference:
    """How a group differs from the reference; negative is better.

    Args:
        mean: mean of the group less mean of the reference.
        interval: bootstrap 95 % interval of that, None below five repetitions in one of them.
        test: `Wilcoxon` for the same seeds, else `Mann-Whitney`; None below five.
        p: two-sided p-value, None below five.
        adjusted: p after Holm's correction for all groups that were compared.
        n: repetitions of the group and of the reference.
    """

    mean: float
    interval: Interval | None
    test: str | None
    p: float | None
    n: tuple[int, int]
    adjusted: float | None = None


def summarize(values: Sequence[float]) -> Summary:
    """Return mean, deviation, median, best and interval of some values.

    Args:
        values: one at least.
    """
    data = list(values)
    interval = _interval([data]) if len(data) >= LEAST_FOR_TEST else None
    deviation = stdev(data) if len(data) > 1 else None
    return Summary(len(data), fmean(data), deviation, median(data), min(data), interval)


def difference(group: Mapping[str, float], reference: Mapping[str, float]) -> Difference:
    """Compare two groups; where both have the same seeds, seed by seed.

    Args:
        group: the values by seed.
        reference: those of what it is compared with.
    """
    n = (len(group), len(reference))
    mean = fmean(group.values()) - fmean(reference.values())
    if min(n) < LEAST_FOR_TEST:
        return Difference(mean, None, None, None, n)
    name, p = test(group, reference)
    samples = [list(group.values()), list(reference.values())]
    if name == WILCOXON:
        samples = [[group[seed] - reference[seed] for seed in group]]
    return Difference(mean, _interval(samples), name, p, n)


def test(group: Mapping[str, float], reference: Mapping[str, float]) -> tuple[str, float]:
    """Return the name of the test for two groups, and its two-sided p-value.

    Args:
        group: the values by seed.
        reference: those of what it is compared with.
    """
    if group.keys() == reference.keys():
        return WILCOXON, _wilcoxon([group[seed] - reference[seed] for seed in group])
    return MANN_WHITNEY, _mann_whitney(list(group.values()), list(reference.values()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values after the step-down correction of Holm (1979).

    Args:
        p_values: of all tests that were made.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, largest = [0.0] * len(order), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _interval(samples: Sequence[Sequence[float]]) -> Interval:
    """Return the bias-corrected accelerated interval of a mean, or of a difference of two."""
    from scipy.stats import bootstrap

    centre = fmean(samples[0]) - (fmean(samples[1]) if len(samples) > 1 else 0.0)
    if all(min(sample) == max(sample) for sample in samples):
        return centre, centre

    def statistic(*data: Any, axis: int) -> Any:
        means = [np.mean(one, axis=axis) for one in data]
        return means[0] - means[1] if len(means) > 1 else means[0]

    for method in ("BCa", "percentile"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = bootstrap(
                [np.asarray(sample) for sample in samples],
                statistic,
                n_resamples=_RESAMPLES,
                vectorized=True,
                method=method,
                rng=np.random.default_rng(0),
            ).confidence_interval
        if np.isfinite([found.low, found.high]).all():
            break
    return float(found.low), float(found.high)


def _wilcoxon(gains: Sequence[float]) -> float:
    from scipy.stats import wilcoxon

    # Equal values subtracted are equal to the last bit only.
    rounded = _without_rounding(gains)
    return float(wilcoxon(rounded).pvalue) if any(rounded) else 1.0


def _mann_whitney(group: Sequence[float], reference: Sequence[float]) -> float:
    from scipy.stats import PermutationMethod, mannwhitneyu

    values = _without_rounding([*group, *reference])
    method: Any = "auto"
    divisions = comb(len(values), len(group))
    if len(set(values)) < len(values) and divisions <= _MOST_DIVISIONS:
        method = PermutationMethod(n_resamples=divisions)
    found = mannwhitneyu(values[: len(group)], values[len(group) :], method=method)
    return float(found.pvalue)


def _without_rounding(values: Sequence[float]) -> list[float]:
    """Return values without the last of their digits, so that what is equal is tied."""
    size = max(map(abs, values)) or 1.0
    return [round(value / size, 9) for value in values]
