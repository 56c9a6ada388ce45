"""Counting the parameters of an architecture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnabla_nas.estimator.estimator import AdditiveEstimator
from nnabla_nas.search_space.model import Model


class ParameterEstimator(AdditiveEstimator):
    """Count the trainable scalars of the active path; running statistics are not trainable."""

    unit = "scalars"

    def __init__(self) -> None:
        self._model: Model | None = None
        self._sizes: dict[Any, int] = {}

    def cost_of(self, functions: Sequence[Any], model: Model) -> int:
        """Return the number of trainable scalars that some functions use.

        Args:
            functions: nnabla functions of a graph for one example.
            model: the network they are part of.
        """
        if model is not self._model:
            trainable = (p for p in model.get_net_parameters().values() if p.trainable)
            self._model, self._sizes = model, {p: p.size for p in trainable}
        used = {variable for function in functions for variable in function.inputs}
        return sum(self._sizes.get(variable, 0) for variable in used)
