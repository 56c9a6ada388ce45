"""The expected maximum of independent draws, exactly, and its derivative."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnabla_nas.estimator.cost_table import Floats


def expected_maximum(
    floor: float, values: Sequence[Floats], weights: Sequence[Floats]
) -> tuple[float, list[Floats]]:
    """Return the expected largest of a constant and one value drawn of each of several rows.

    With the distinct values v_0 < v_1 < …, v_0 the constant, and F(v) the product over the rows of
    the probability of at most v, E[max] = v_0 + Σ_i (v_i − v_{i−1}) (1 − F(v_{i−1})).

    Args:
        floor: the constant.
        values: per row what may be drawn, (candidates,).
        weights: per row the probabilities of that, (candidates,); where they add up to less than
            one, nothing is drawn with what is missing.

    Returns:
        The expected maximum, and per row its derivative by the weights, (candidates,).
    """
    levels = np.unique([floor, *(v for row in values for v in row if v > floor)])
    gaps = np.diff(levels)
    above = [row[None, :] > levels[:-1, None] for row in values]
    # What the others leave below a level is found without dividing: a factor may be zero.
    within = [1 - mask @ weight for mask, weight in zip(above, weights, strict=True)]
    before, behind = _products(within), _products(within[::-1])[::-1]
    below = before[-1] * within[-1] if within else np.ones(len(gaps))
    gradient = [(gaps * before[n] * behind[n]) @ above[n].astype(float) for n in range(len(values))]
    return float(floor + gaps @ (1 - below)), gradient


def _products(factors: Sequence[Floats]) -> list[Floats]:
    """Return for each position the product of the factors before it."""
    products = [np.ones_like(factors[0])] if factors else []
    for one in factors[:-1]:
        products.append(products[-1] * one)
    return products
