"""The constraints of an experiment, on its network."""

from __future__ import annotations

from collections.abc import Sequence

from nnabla_nas.config.constraint_arguments import build_estimator
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.search_space.model import Model


def build_constraints(
    experiment: Experiment, model: Model, input_shape: Sequence[int]
) -> list[Constraint]:
    """Return the constraints of a completed experiment; what they need to know is found out here.

    Args:
        experiment: the completed experiment.
        model: the network.
        input_shape: (C, H, W) of one example.

    Raises:
        InputError: if a cost cannot be estimated.
    """
    constraints = [
        Constraint(
            key=key,
            name=one.name,
            estimator=build_estimator(one),
            bound=one.bound,
            weight=one.weight,
            model=model,
            input_shape=input_shape,
        )
        for key, one in experiment.regularizer.items()
    ]
    for constraint in constraints:
        constraint.prepare()
    return constraints
