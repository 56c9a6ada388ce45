"""The constraints of an experiment, on its network."""

from __future__ import annotations

from collections.abc import Sequence

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.constraint_arguments import build_estimator
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.errors import InputError
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.latency import LatencyEstimator
from nnabla_nas.search_space.model import Model


def build_constraints(
    experiment: Experiment, model: Model, input_shape: Sequence[int], folder: RunFolder
) -> list[Constraint]:
    """Return the constraints of a completed experiment; what they need to know is found out here.

    Args:
        experiment: the completed experiment.
        model: the network.
        input_shape: (C, H, W) of one example.
        folder: the output folder; what an earlier part of the run measured is read from it.

    Raises:
        InputError: if a cost cannot be estimated.
    """
    constraints = _declared(experiment, model, input_shape)
    measured = _measuring(constraints)
    # A resumed run goes on with what it measured when it began.
    if measured and folder.latency.exists():
        measured[0].read(folder.latency)
    for constraint in constraints:
        constraint.prepare()
    return constraints


def check_constraints(experiment: Experiment, model: Model, input_shape: Sequence[int]) -> None:
    """Check the constraints of a completed experiment as far as nothing has to be measured.

    Args:
        experiment: the completed experiment.
        model: the network.
        input_shape: (C, H, W) of one example.

    Raises:
        InputError: if a cost cannot be estimated.
    """
    for constraint in _declared(experiment, model, input_shape):
        if not isinstance(constraint.estimator, LatencyEstimator):
            constraint.prepare()


def write_latencies(constraints: Sequence[Constraint], folder: RunFolder) -> None:
    """Write what was measured to latency.json, if anything was.

    Args:
        constraints: the constraints of the run.
        folder: its output folder, open.
    """
    measured = _measuring(constraints)
    if measured and not folder.latency.exists():
        folder.write_json(folder.latency, measured[0].to_json())


def _declared(experiment: Experiment, model: Model, input_shape: Sequence[int]) -> list[Constraint]:
    constraints = [
        Constraint(
            key=key,
            name=one.name,
            estimator=build_estimator(one),
            bound=one.bound,
            weight=one.weight,
            model=model,
            input_shape=input_shape,
            hard=one.hard,
        )
        for key, one in experiment.regularizer.items()
    ]
    measured = _measuring(constraints)
    if len(measured) > 1:
        raise InputError(
            f"regularizer: got {len(measured)} measured latencies; allowed one LatencyEstimator, "
            "and others as LatencyTable"
        )
    return constraints


def _measuring(constraints: Sequence[Constraint]) -> list[LatencyEstimator]:
    estimators = [constraint.estimator for constraint in constraints]
    return [one for one in estimators if isinstance(one, LatencyEstimator)]
