"""What a table of latencies is worth: its sums against whole networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnabla_nas.estimator.latency_file import Latency


@dataclass(frozen=True)
class TableError:
    """How far the sum over a network's operations, plus an offset, is from the whole network.

    Args:
        offset: what the whole takes longer than the sum, in ms; the median over `fitted`.
        fitted: per network of those that the offset was fitted on, sum and latency, in ms.
        held_out: likewise of the others; the figures below are over these.
        rank_correlation: Spearman's; None where all sums or all latencies are equal.
        median_error: median of |sum + offset - latency| / latency.
        median_error_without_offset: median of |sum - latency| / latency.
    """

    offset: float
    fitted: list[tuple[float, float]]
    held_out: list[tuple[float, float]]
    rank_correlation: float | None
    median_error: float
    median_error_without_offset: float

    def __str__(self) -> str:
        rank = "undefined" if self.rank_correlation is None else f"{self.rank_correlation:.3f}"
        return (
            f"sum of operations against {len(self.held_out)} whole networks: rank correlation "
            f"{rank}, median error {self.median_error:.1%} with an offset of {self.offset:+.3g} ms "
            f"(fitted on {len(self.fitted)} others), {self.median_error_without_offset:.1%} without"
        )

    def to_json(self) -> dict[str, Any]:
        """Return what a table says of itself."""
        return {
            "offset_ms": self.offset,
            "rank_correlation": self.rank_correlation,
            "median_relative_error": self.median_error,
            "median_relative_error_without_offset": self.median_error_without_offset,
            "fitted_on": [_row(*pair) for pair in self.fitted],
            "held_out": [_row(*pair) for pair in self.held_out],
        }


def table_error(pairs: Sequence[tuple[float, Latency]], n_fitted: int) -> TableError:
    """Fit the offset on some networks and compare the others.

    Args:
        pairs: per network the sum over its operations, in ms, and the latency of the whole.
        n_fitted: how many of them, from the first on, the offset is fitted on; fewer than all.
    """
    both = [(total, whole.median) for total, whole in pairs]
    fitted, held_out = both[:n_fitted], both[n_fitted:]
    offset = float(np.median([whole - total for total, whole in fitted])) if fitted else 0.0
    sums, wholes = np.array(held_out).T
    return TableError(
        offset,
        fitted,
        held_out,
        rank_correlation(sums, wholes),
        float(np.median(np.abs(sums + offset - wholes) / wholes)),
        float(np.median(np.abs(sums - wholes) / wholes)),
    )


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, None where one of the sides does not vary.

    Args:
        a: values, (n,).
        b: values, (n,).
    """
    ranks = np.stack([_ranks(a), _ranks(b)])
    if np.any(ranks.std(axis=1) == 0):
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: Sequence[float]) -> np.ndarray:
    """Return the position of each value in order; equal ones share the mean of theirs."""
    array = np.asarray(values)
    below, equal = array[None, :] < array[:, None], array[None, :] == array[:, None]
    return np.asarray(below.sum(axis=1) + (equal.sum(axis=1) - 1) / 2)


def _row(total: float, whole: float) -> dict[str, float]:
    return {"sum_ms": total, "whole_ms": whole}
