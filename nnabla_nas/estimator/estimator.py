"""What every estimator answers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnabla_nas.errors import InputError
from nnabla_nas.estimator.active_path import build_active_path
from nnabla_nas.estimator.cost_table import Costs, CostTable
from nnabla_nas.estimator.decomposition import decompose, functions_of
from nnabla_nas.search_space.model import Model

_EQUAL = 1e-6


class Estimator(ABC):
    """Estimates a cost of the active architecture.

    Attributes:
        unit: what the number counts.
    """

    unit: str

    @abstractmethod
    def estimate(self, model: Model, input_shape: Sequence[int]) -> float:
        """Return the cost of the active architecture, fixed layers included.

        Args:
            model: the network.
            input_shape: (C, H, W) of one example.

        Returns:
            The cost in `unit`.
        """

    def get_estimation(self, module: Model) -> float:
        """Return the cost of the active architecture on inputs of the shape of the last call.

        Estimators of Sony's nnabla-nas answer by this name, and by `predict`.

        Args:
            module: the network; it has been called.

        Raises:
            ValueError: if it has not.
        """
        if not module.input_shapes:
            raise ValueError(f"{type(module).__name__} has not been called: its input is not known")
        return self.estimate(module, module.input_shapes[0][1:])

    def predict(self, module: Model) -> float:
        """Return what `get_estimation` returns.

        Args:
            module: the network; it has been called.
        """
        return self.get_estimation(module)

    def cost_table(self, model: Model, input_shape: Sequence[int]) -> Costs:
        """Return the costs of all candidates, from whole architectures that differ in one choice.

        Args:
            model: the super-network; its active architecture is as before afterwards.
            input_shape: (C, H, W) of one example.

        Raises:
            InputError: if the costs do not add up over the choices.
        """
        choices = list(model.choices().values())
        before = [choice.active for choice in choices]

        def cost(indices: list[int]) -> float:
            model.set_architecture(indices)
            return self.estimate(model, input_shape)

        start = [0] * len(choices)
        base = cost(start)
        candidates = []
        for position, choice in enumerate(choices):
            others = [
                cost([*start[:position], index, *start[position + 1 :]]) - base
                for index in range(1, len(choice.names))
            ]
            candidates.append(np.array([0.0, *others]))
        shares, decisions = tuple(model.kept_shares()), tuple(model.decisions())
        table = CostTable(base, tuple(candidates), shares, decisions)
        last = [len(choice.names) - 1 for choice in choices]
        whole = cost(last)
        model.set_architecture(before)
        if not math.isclose(table.total(last), whole, rel_tol=_EQUAL):
            raise InputError(
                f"{type(self).__name__}: an architecture costs {whole:,} {self.unit}, its "
                f"operations together {table.total(last):,}: costs that do not add up over the "
                "choices cannot be constrained"
            )
        return table


class AdditiveEstimator(Estimator):
    """Estimates a cost that is a sum over the nnabla functions of the network."""

    @abstractmethod
    def cost_of(self, functions: Sequence[Any], model: Model) -> float:
        """Return what some functions cost.

        Args:
            functions: nnabla functions of a graph for one example.
            model: the network they are part of.
        """

    def estimate(self, model: Model, input_shape: Sequence[int]) -> float:
        """Return the cost of the active architecture, fixed layers included.

        Args:
            model: the network.
            input_shape: (C, H, W) of one example.
        """
        return self.cost_of(functions_of(build_active_path(model, input_shape)), model)

    def cost_table(self, model: Model, input_shape: Sequence[int]) -> CostTable:
        """Return the costs of all candidates, each at its own shapes, from one graph.

        Args:
            model: the super-network.
            input_shape: (C, H, W) of one example.
        """
        parts = decompose(model, input_shape)
        return CostTable(
            self.cost_of(parts.fixed, model),
            tuple(
                np.array([self.cost_of(functions, model) for functions in choice], dtype=float)
                for choice in parts.candidates
            ),
            tuple(model.kept_shares()),
            tuple(model.decisions()),
        )
