"""The arguments of the augmentations that an experiment names."""

from __future__ import annotations

from typing import Any

from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.faults import Fault, Path
from nnabla_nas.config.loading import load
from nnabla_nas.config.named import Named
from nnabla_nas.config.parameter import parameters
from nnabla_nas.config.signature import call_values, check, with_defaults
from nnabla_nas.errors import InputError
from nnabla_nas.registry import transforms


def complete_transforms(experiment: Experiment) -> tuple[Experiment, list[Fault]]:
    """Check the arguments of every augmentation and fill in the others.

    Args:
        experiment: an experiment that passed the first stage.

    Returns:
        The experiment with every argument, and the faults.
    """
    if experiment.transforms is None:
        return experiment, []
    completed: list[Named] = []
    faults: list[Fault] = []
    for index, named in enumerate(experiment.transforms):
        path: Path = ("transforms", index)
        target, wrong = load(transforms, named.name, path)
        if target is not None:
            known = parameters(target)
            wrong = check(known, named.options, path)
            named = named.model_copy(update={"options": with_defaults(known, named.options)})
        faults += wrong
        completed.append(named)
    return experiment.model_copy(update={"transforms": completed}), faults


def build_transforms(experiment: Experiment) -> list[Any] | None:
    """Construct the augmentations, None where the data set's own are meant.

    Args:
        experiment: a completed experiment.

    Raises:
        InputError: if one refuses its arguments.
    """
    if experiment.transforms is None:
        return None
    built = []
    for index, named in enumerate(experiment.transforms):
        target = transforms.get(named.name)
        try:
            built.append(target(**call_values(parameters(target), named.options)))
        except InputError as error:
            raise InputError([f"transforms.{index}: {line}" for line in error.faults]) from error
    return built
