"""Counting the parameters of an architecture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnabla_nas.estimator.active_path import build_active_path
from nnabla_nas.estimator.estimator import Estimator
from nnabla_nas.search_space.model import Model


class ParameterEstimator(Estimator):
    """Count the trainable scalars of the active path; running statistics are not trainable."""

    unit = "scalars"

    def estimate(self, model: Model, input_shape: Sequence[int]) -> int:
        """Return the number of trainable scalars the active architecture uses.

        Args:
            model: the network.
            input_shape: (C, H, W) of one example.
        """
        used: set[Any] = set()
        build_active_path(model, input_shape).visit(lambda f: used.update(f.inputs))
        parameters = model.get_net_parameters().values()
        return sum(p.size for p in parameters if p.trainable and p in used)
