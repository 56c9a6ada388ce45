"""What architectures cost, and which of them are within the hard bounds."""

from __future__ import annotations

from collections.abc import Sequence

from nnabla_nas.estimator import FLOPsEstimator
from nnabla_nas.estimator.bounded_decoding import ROUNDING
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.cost_table import Costs
from nnabla_nas.estimator.hard_bounds import HardBounds
from nnabla_nas.search_space.encoding import Code, Encoding
from nnabla_nas.search_space.model import Model

_FEW = 20_000


class Allowed:
    """Tells the architectures within all hard bounds from the others.

    Where none is within them, all bounds are widened by the smallest factor that lets one in.

    Args:
        encoding: of the network.
        model: the network.
        constraints: the bounds; those that are not hard only say what else costs.
        input_shape: (C, H, W) of one example.

    Attributes:
        units: per cost that is known of an architecture its unit: every constraint's, and
            multiply-adds.
    """

    def __init__(
        self,
        encoding: Encoding,
        model: Model,
        constraints: Sequence[Constraint],
        input_shape: Sequence[int],
    ) -> None:
        self._encoding = encoding
        self._model = model
        self._tables: dict[str, Costs] = {one.key: one.table for one in constraints}
        self.units = {one.key: one.estimator.unit for one in constraints}
        if not any(isinstance(one.estimator, FLOPsEstimator) for one in constraints):
            counted, key = FLOPsEstimator(), _unused("multiply_adds", self.units)
            self._tables[key] = counted.cost_table(model, input_shape)
            self.units[key] = counted.unit
        hard = [one for one in constraints if one.hard]
        self._hard = HardBounds(hard, model) if hard else None
        self._bounds = {} if self._hard is None else self._hard.bounds

    def costs(self, code: Code) -> dict[str, float]:
        """Return what an architecture costs, by the keys of `units`.

        Args:
            code: the architecture.
        """
        indices = self._encoding.indices(code)
        return {key: float(table.total(indices)) for key, table in self._tables.items()}

    def admits(self, code: Code) -> bool:
        """Return whether an architecture is within all hard bounds.

        Args:
            code: the architecture.
        """
        indices = self._encoding.indices(code)
        return all(
            self._tables[key].total(indices) <= bound * (1 + ROUNDING)
            for key, bound in self._bounds.items()
        )

    def repaired(self, code: Code) -> Code:
        """Return an architecture within the bounds that differs from a given one in little.

        Args:
            code: the architecture.
        """
        if self._hard is None or self.admits(code):
            return code
        alphas = self._model.get_arch_parameters()
        before = {path: alpha.d.copy() for path, alpha in alphas.items()}
        # The most probable one within the bounds, where all that the given one has is probable.
        self._encoding.decide(code)
        found = self._hard.decode()
        for path, alpha in alphas.items():
            alpha.d = before[path]
        return self._encoding.code(found)

    def count(self) -> int | None:
        """Return how many architectures are allowed, None where there are too many to look at."""
        if not self._bounds or self._encoding.n_architectures > _FEW:
            return None if self._bounds else self._encoding.n_architectures
        return len(self.all_of_few())

    def all_of_few(self) -> list[Code]:
        """Return all that are allowed, none where there are too many to look at."""
        if self._encoding.n_architectures > _FEW:
            return []
        return list(filter(self.admits, self._encoding.all()))

    def excess(self) -> list[str]:
        """Return one line per bound that the decoded architecture exceeds, saying by how much."""
        return [] if self._hard is None else self._hard.excess()


def _unused(name: str, taken: dict[str, str]) -> str:
    """Return the name, with underscores behind while a constraint has it."""
    while name in taken:
        name += "_"
    return name
