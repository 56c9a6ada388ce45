"""A decoded architecture whose network was measured whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnabla_nas.estimator.latency_file import Latency


@dataclass(frozen=True)
class Attempt:
    """What was decoded within a bound on the sum of latencies, and how long it really takes.

    Args:
        indices: per choice its candidate, None where the architecture drops the choice.
        operations: their names.
        limit: the bound on the sum, in ms.
        total: the sum, in ms.
        whole: what the network takes from beginning to end.
    """

    indices: Sequence[int | None]
    operations: Sequence[str | None]
    limit: float
    total: float
    whole: Latency

    def to_json(self) -> dict[str, Any]:
        """Return what arch.json and result.json say of it."""
        return {
            "operations": list(self.operations),
            "limit_ms": self.limit,
            "sum_ms": self.total,
            "whole_median_ms": self.whole.median,
            "whole_spread_ms": self.whole.spread,
        }
