"""Bounds that the decoded architecture keeps."""

from __future__ import annotations

from collections.abc import Sequence

from nnabla_nas.estimator.bounded_decoding import ROUNDING
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.decoder import Decoder, Indices
from nnabla_nas.search_space.model import Model


class HardBounds:
    """Decodes the most probable architecture within all bounds.

    Where no architecture is within them, all bounds are widened by the smallest factor that lets
    one in.

    Args:
        constraints: the binding ones, one or more.
        model: their network.

    Attributes:
        factor: 1, or what the bounds have to be widened by.
    """

    def __init__(self, constraints: Sequence[Constraint], model: Model) -> None:
        self._constraints = constraints
        self._decoder = Decoder(model, [one.table for one in constraints])
        self._last: tuple[bytes, Indices] = (b"", [])
        self.factor = 1.0
        bounds = [one.bound for one in constraints]
        if self._decoder.within(bounds) is None:
            self.factor = self._decoder.least_factor(bounds)

    @property
    def bounds(self) -> dict[str, float]:
        """By key what the decoded architecture may cost, widened where nothing is within that."""
        return {one.key: self.factor * one.bound for one in self._constraints}

    def decode(self) -> Indices:
        """Return per choice its candidate, None where it is dropped: the most probable ones."""
        now = self._decoder.probabilities()
        if self._last[0] != now:
            indices = self._decoder.within(list(self.bounds.values()))
            assert indices is not None
            self._last = (now, indices)
        return list(self._last[1])

    def excess(self) -> list[str]:
        """Return one line per bound that the decoded architecture exceeds, saying by how much."""
        lines = []
        for one in self._constraints:
            value, unit = one.table.total(self.decode()), one.estimator.unit
            if value > one.bound * (1 + ROUNDING):
                over = value - one.bound
                lines.append(
                    f"regularizer.{one.key}: no architecture of this space is within all hard "
                    f"bounds; the decoded one costs {value:,.6g} {unit}, {over:,.6g} {unit} "
                    f"({over / one.bound:.2%}) above the bound of {one.bound:,.6g} {unit}"
                )
        return lines
