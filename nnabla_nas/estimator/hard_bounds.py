"""Bounds that the decoded architecture keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnabla_nas.errors import InputError
from nnabla_nas.estimator.bounded_decoding import (
    ROUNDING,
    least_factor,
    least_value,
    most_probable_within,
)
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.search_space.model import Model

_SMALLEST = 1e-300


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

    Raises:
        InputError: if decoding the network is no independent choice of candidates.
    """

    def __init__(self, constraints: Sequence[Constraint], model: Model) -> None:
        if not model.independent_choices:
            raise InputError(
                f"regularizer.{constraints[0].key}.hard: got true; allowed false where a genotype "
                "is decoded: its edges compete with each other (a space or mode that keeps all "
                "edges, such as 'pnas', can be bound)"
            )
        self.constraints = constraints
        self._choices = list(model.choices().values())
        # Choices that share a parameter decode to the same candidate.
        members: dict[int, list[int]] = {}
        for position, choice in enumerate(self._choices):
            members.setdefault(id(choice.alpha), []).append(position)
        self._groups = list(members.values())
        self._costs = [
            [
                sum(one.table.candidates[p] for p in group[1:]) + one.table.candidates[group[0]]
                for group in self._groups
            ]
            for one in constraints
        ]
        self._fixed = [one.table.fixed for one in constraints]
        self._bounds = [one.bound for one in constraints]
        self._last: tuple[bytes, list[int]] = (b"", [])
        self.factor = 1.0
        if not self._meets(self._bounds):
            self.factor = least_factor(self._costs, self._fixed, self._bounds)

    def decode(self) -> list[int]:
        """Return one index per choice: the most probable ones within the bounds."""
        probabilities = [self._choices[group[0]].probabilities for group in self._groups]
        now = np.concatenate(probabilities).tobytes()
        if self._last[0] != now:
            sizes = [len(group) for group in self._groups]
            logs = [
                n * np.log(np.maximum(p, _SMALLEST))
                for n, p in zip(sizes, probabilities, strict=True)
            ]
            chosen = self._within(logs)
            assert chosen is not None
            indices = [0] * len(self._choices)
            for group, index in zip(self._groups, chosen, strict=True):
                for position in group:
                    indices[position] = index
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
            return self._meets([*self._bounds[:position], value, *self._bounds[position + 1 :]])

        largest = self._fixed[position] + sum(float(one.max()) for one in self._costs[position])
        highest = max(bound, largest * (1 + ROUNDING))
        if not meets(highest):
            return False
        self._bounds[position] = bound if meets(bound) else least_value(meets, bound, highest)
        self.factor, self._last = 1.0, (b"", [])
        return True

    def settle_on(self, indices: Sequence[int]) -> None:
        """Decode to a given architecture until the probabilities change.

        Args:
            indices: one per choice.
        """
        self.decode()
        self._last = (self._last[0], list(indices))

    def excess(self) -> list[str]:
        """Return one line per bound that the decoded architecture exceeds, saying by how much."""
        lines = []
        for one in self.constraints:
            unit, kept = one.estimator.unit, one.kept_attempt
            value = one.table.total(self.decode()) if kept is None else kept.whole.cautious
            if value > one.bound * (1 + ROUNDING):
                over = value - one.bound
                found = (
                    "no architecture of this space is within all hard bounds; the decoded one costs"
                    if kept is None
                    else f"the best of {len(one.attempts)} architectures measured whole takes"
                )
                lines.append(
                    f"regularizer.{one.key}: {found} {value:,.6g} {unit}, {over:,.6g} {unit} "
                    f"({over / one.bound:.2%}) above the bound of {one.bound:,.6g} {unit}"
                )
        return lines

    def _within(self, logs: Sequence[np.ndarray]) -> list[int] | None:
        return self._decoded(logs, [self.factor * bound for bound in self._bounds])

    def _meets(self, bounds: Sequence[float]) -> bool:
        anything = [np.zeros(len(one)) for one in self._costs[0]]
        return self._decoded(anything, bounds) is not None

    def _decoded(self, logs: Sequence[np.ndarray], bounds: Sequence[float]) -> list[int] | None:
        limits = [bound - fixed for bound, fixed in zip(bounds, self._fixed, strict=True)]
        return most_probable_within(logs, self._costs, limits)
