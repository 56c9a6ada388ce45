"""The arguments of the estimators that constrain a search."""

from __future__ import annotations

from typing import Any

from nnabla_nas.config.constraint import ConstraintSettings
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.faults import Fault
from nnabla_nas.config.loading import load
from nnabla_nas.config.parameter import parameters
from nnabla_nas.config.signature import call_values, check, with_defaults
from nnabla_nas.registry import estimators


def complete_constraints(experiment: Experiment) -> tuple[Experiment, list[Fault]]:
    """Check the arguments of every constraint's estimator and fill in the others.

    Args:
        experiment: an experiment that passed the first stage.

    Returns:
        The experiment with every argument, and the faults.
    """
    completed: dict[str, ConstraintSettings] = {}
    faults: list[Fault] = []
    for key, one in experiment.regularizer.items():
        path = ("regularizer", key)
        estimator, wrong = load(estimators, one.name, (*path, "name"))
        if estimator is not None:
            known = parameters(estimator)
            wrong = check(known, one.options, path)
            one = one.model_copy(update={"options": with_defaults(known, one.options)})
        faults += wrong
        completed[key] = one
    return experiment.model_copy(update={"regularizer": completed}), faults


def build_estimator(settings: ConstraintSettings) -> Any:
    """Construct the estimator of a constraint.

    Args:
        settings: of a completed experiment.
    """
    cls = estimators.get(settings.name)
    return cls(**call_values(parameters(cls), settings.options))
