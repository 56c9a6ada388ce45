"""Bounds that the decoded architecture keeps."""

from __future__ import annotations

from collections.abc import Sequence

from nnabla_nas.estimator.bounded_decoding import ROUNDING, least_value
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
        constraints: the binding ones.
        factor: 1, or what the bounds have to be widened by.
    """

    def __init__(self, constraints: Sequence[Constraint], model: Model) -> None:
        self.constraints = constraints
        self._decoder = Decoder(model, [one.table for one in constraints])
        self._bounds = [one.bound for one in constraints]
        self._last: tuple[bytes, Indices] = (b"", [])
        self.factor = 1.0
        if self._decoder.within(self._bounds) is None:
            self.factor = self._decoder.least_factor(self._bounds)

    @property
    def bounds(self) -> dict[str, float]:
        """By key what the operations may add up to, widened where nothing is within that."""
        pairs = zip(self.constraints, self._bounds, strict=True)
        return {one.key: self.factor * bound for one, bound in pairs}

    def decode(self) -> Indices:
        """Return per choice its candidate, None where it is dropped: the most probable ones."""
        now = self._decoder.probabilities()
        if self._last[0] != now:
            if not self._decoder.certain:
                # Which peaks genotypes have changes with the order in which edges are added.
                self.factor = 1.0
            indices = self._decoder.within(list(self.bounds.values()))
            if indices is None:
                self.factor = self._decoder.least_factor(self._bounds)
                indices = self._decoder.within(list(self.bounds.values()))
            assert indices is not None
            self._last = (now, indices)
        return list(self._last[1])

    def hold(self, constraint: Constraint, bound: float) -> bool:
        """Decode within another bound on what one constraint's operations add up to.

        Where no architecture is within it and the others, it becomes the least that lets one in.

        Args:
            constraint: one of `constraints`.
            bound: what takes the place of its bound.

        Returns:
            Whether the other bounds let any architecture in; if not, nothing changes.
        """
        position = self.constraints.index(constraint)

        def meets(value: float) -> bool:
            bounds = [*self._bounds[:position], value, *self._bounds[position + 1 :]]
            return self._decoder.within(bounds) is not None

        highest = max(bound, self._decoder.largest_cost(position) * (1 + ROUNDING))
        if not meets(highest):
            return False
        self._bounds[position] = bound if meets(bound) else least_value(meets, bound, highest)
        self.factor, self._last = 1.0, (b"", [])
        return True

    def settle_on(self, indices: Indices) -> None:
        """Decode to a given architecture until the probabilities change.

        Args:
            indices: per choice its candidate, None where it is dropped.
        """
        self.decode()
        self._last = (self._last[0], list(indices))

    def excess(self) -> list[str]:
        """Return one line per bound that the decoded architecture exceeds, saying by how much."""
        lines = []
        none = f"no architecture {'of this space is' if self._decoder.certain else 'was found'}"
        for one in self.constraints:
            unit, kept = one.estimator.unit, one.kept_attempt
            value = one.table.total(self.decode()) if kept is None else kept.whole.cautious
            if value > one.bound * (1 + ROUNDING):
                over = value - one.bound
                found = (
                    f"{none} within all hard bounds; the decoded one costs"
                    if kept is None
                    else f"the best of {len(one.attempts)} architectures measured whole takes"
                )
                lines.append(
                    f"regularizer.{one.key}: {found} {value:,.6g} {unit}, {over:,.6g} {unit} "
                    f"({over / one.bound:.2%}) above the bound of {one.bound:,.6g} {unit}"
                )
        return lines
