"""The most probable architecture within bounds, exactly.

A multiple-choice knapsack: one candidate of every choice, the largest sum of log-probabilities
whose costs stay within all limits. Dynamic programming over the choices keeps the labels that no
other dominates; Lagrangian bounds drop those that cannot lead to the optimum.
Source: Kellerer, Pferschy, Pisinger, "Knapsack Problems", 2004, chapter 11.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from nnabla_nas.estimator.cost_table import Floats

# Sums of the same numbers in another order may differ so much, relatively.
ROUNDING = 1e-12
_SLACK = 1e-9
_MULTIPLIERS = (0.0, *np.geomspace(0.01, 1000.0, 11))


def most_probable_within(
    log_probabilities: Sequence[Floats], costs: Sequence[Sequence[Floats]], limits: Sequence[float]
) -> list[int] | None:
    """Return the most probable candidates whose costs are within all limits.

    Args:
        log_probabilities: per choice those of its candidates, (candidates,).
        costs: per limit, per choice the costs of its candidates, (candidates,).
        limits: the most that each of the sums of costs may be.

    Returns:
        One index per choice, or None where no architecture is within the limits.
    """
    n = len(log_probabilities)
    # Costs as shares of the limits' scale, (candidates, limits) for each choice.
    scale = np.array(
        [
            max(abs(limit), *(c.max() for c in one)) or 1.0
            for limit, one in zip(limits, costs, strict=True)
        ]
    )
    rows = [
        np.array([one[j] for one in costs]).reshape(len(limits), -1).T / scale
        if limits
        else np.zeros((len(log_probabilities[j]), 0))
        for j in range(n)
    ]
    allowed = np.asarray(limits) / scale + ROUNDING
    free = [int(np.argmax(one)) for one in log_probabilities]
    if np.all(sum(row[i] for row, i in zip(rows, free, strict=True)) <= allowed):
        return free
    least = _remaining([row.min(axis=0) for row in rows])
    multipliers = np.array(list(product(_MULTIPLIERS, repeat=len(limits))))
    relaxed = [
        (lp[None, :] - multipliers @ row.T) for lp, row in zip(log_probabilities, rows, strict=True)
    ]
    best_rest = _remaining([one.max(axis=1) for one in relaxed])
    incumbent = _incumbent(log_probabilities, rows, relaxed, allowed)
    spent, value = np.zeros((1, len(limits))), np.zeros(1)
    steps: list[tuple[np.ndarray, np.ndarray]] = []
    for j in range(n):
        k = len(log_probabilities[j])
        spent = (spent[:, None, :] + rows[j][None, :, :]).reshape(-1, len(limits))
        value = (value[:, None] + log_probabilities[j][None, :]).reshape(-1)
        kept = np.flatnonzero(np.all(spent + least[j + 1] <= allowed, axis=1))
        reachable = (
            value[kept, None] + best_rest[j + 1][None, :] + (allowed - spent[kept]) @ multipliers.T
        ).min(axis=1)
        kept = kept[reachable >= incumbent - _SLACK]
        kept = kept[_undominated(spent[kept], value[kept])]
        if len(kept) == 0:
            return None
        steps.append((kept // k, kept % k))
        spent, value = spent[kept], value[kept]
    label, indices = int(np.argmax(value)), []
    for parents, chosen in reversed(steps):
        indices.append(int(chosen[label]))
        label = int(parents[label])
    return indices[::-1]


def least_value(meets: Callable[[float], bool], low: float, high: float) -> float:
    """Return, to a billionth, the least value from which on a condition is met.

    Args:
        meets: the condition.
        low: a value that does not meet it.
        high: a larger one that does.
    """
    width = 1e-9 * max(abs(low), abs(high))
    while high - low > width:
        middle = (low + high) / 2
        low, high = (low, middle) if meets(middle) else (middle, high)
    return high


def _remaining(values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return for each position the sum of the values from there on, and zero behind the last."""
    sums = [np.zeros_like(values[0])]
    for one in reversed(values):
        sums.append(sums[-1] + one)
    return sums[::-1]


def _incumbent(
    log_probabilities: Sequence[Floats],
    rows: Sequence[np.ndarray],
    relaxed: Sequence[np.ndarray],
    allowed: np.ndarray,
) -> float:
    """Return the largest value among the relaxations' optima that are within the limits."""
    chosen = np.stack([one.argmax(axis=1) for one in relaxed], axis=1)
    spent = sum(row[chosen[:, j]] for j, row in enumerate(rows))
    value = sum(lp[chosen[:, j]] for j, lp in enumerate(log_probabilities))
    within = np.all(np.asarray(spent) <= allowed, axis=1)
    return float(np.max(np.asarray(value)[within], initial=-np.inf))


def _undominated(spent: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return the labels than which no other is at least as probable and at most as costly."""
    order = np.lexsort((*spent.T[::-1], -value))
    kept: list[int] = []
    front = np.empty((0, spent.shape[1]))
    for label in order:
        if len(front) and np.any(np.all(front <= spent[label], axis=1)):
            continue
        kept.append(int(label))
        front = np.vstack([front, spent[label]])
    return np.array(kept, dtype=int)
