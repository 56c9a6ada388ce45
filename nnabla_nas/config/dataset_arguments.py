"""The data set of an experiment: its options, its sizes, and what these mean for the rest."""

from __future__ import annotations

from typing import Any

from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.faults import Fault, faults_of, got
from nnabla_nas.config.loading import load
from nnabla_nas.config.named import Named
from nnabla_nas.config.parameter import Parameter, parameters
from nnabla_nas.config.signature import call_values, check, with_defaults
from nnabla_nas.errors import InputError
from nnabla_nas.registry import datasets

# Constructor parameters that are keys of the experiment itself.
_OF_EXPERIMENT = ("input_shape", "seed")


def complete_dataset(experiment: Experiment) -> tuple[Experiment, Any, list[Fault]]:
    """Check the data set's options and fill in what it decides.

    Args:
        experiment: an experiment that passed the first stage.

    Returns:
        The experiment with every option and the input shape, the sizes of the data set (None
        where they cannot be known), and the faults.
    """
    named = experiment.dataset
    cls, faults = load(datasets, named.name, ("dataset", "name"))
    if cls is None:
        return experiment, None, faults
    taken = parameters(cls)
    known = {name: taken[name] for name in taken if name not in _OF_EXPERIMENT}
    faults = check(known, named.options, ("dataset",))
    if faults:
        return experiment, None, faults
    named = _sized(named, cls, experiment)
    experiment = experiment.model_copy(update={"dataset": named})
    try:
        info = _build(cls, taken, experiment).info
    except InputError as error:
        return experiment, None, [_blamed(fault) for fault in faults_of(error, ("dataset",))]
    shape = experiment.input_shape
    if shape is not None and shape != tuple(info.shape):
        allowed = f"{list(info.shape)}, the shape of data set '{named.name}'"
        faults.append(Fault(("input_shape",), got(list(shape), allowed), (("dataset",),)))
    options = with_defaults(known, named.options)
    changes = {
        "dataset": named.model_copy(update={"options": options}),
        "input_shape": tuple(info.shape),
    }
    return experiment.model_copy(update=changes), info, faults


def check_dataset_options(experiment: Experiment) -> list[Fault]:
    """Return what is wrong with the data set's options, whether or not its files are there.

    Args:
        experiment: an experiment that passed the first stage.
    """
    named = experiment.dataset
    cls, faults = load(datasets, named.name, ("dataset", "name"))
    if cls is None:
        return faults
    taken = parameters(cls)
    known = {name: taken[name] for name in taken if name not in _OF_EXPERIMENT}
    return check(known, named.options, ("dataset",))


def build_dataset(experiment: Experiment) -> Any:
    """Construct the data set; nothing is read yet.

    Args:
        experiment: a completed experiment.
    """
    cls = datasets.get(experiment.dataset.name)
    return _build(cls, parameters(cls), experiment)


def check_sizes(experiment: Experiment, info: Any, searching: bool) -> list[Fault]:
    """Return a fault for each part of the training set that is smaller than its batch.

    Args:
        experiment: the experiment.
        info: the sizes of the data set.
        searching: whether the algorithm searches, so that the rest trains the architecture.
    """
    portion, name = experiment.train_portion, experiment.dataset.name
    n_train = round(portion * info.n_train)
    parts = [("batch_size_train", experiment.batch_size_train, n_train, "model parameters")]
    if searching:
        n_rest = info.n_train - n_train
        parts.append(("batch_size_valid", experiment.batch_size_valid, n_rest, "architecture"))
    return [
        Fault(
            (key,),
            got(
                batch,
                f"at most {n}, the examples of '{name}' for the {part} (train_portion {portion})",
            ),
            (("train_portion",), ("dataset",)),
        )
        for key, batch, n, part in parts
        if batch > n
    ]


def _build(cls: Any, taken: dict[str, Parameter], experiment: Experiment) -> Any:
    values = call_values(taken, experiment.dataset.options)
    if "seed" in taken:
        values["seed"] = experiment.seed
    if "input_shape" in taken and experiment.input_shape is not None:
        values["input_shape"] = experiment.input_shape
    return cls(**values)


def _sized(named: Named, cls: Any, experiment: Experiment) -> Named:
    """Fill in the sizes that a data set of no size of its own takes from the experiment."""
    sizes_for = getattr(cls, "sizes_for", None)
    if sizes_for is None:
        return named
    given = experiment.network.arguments
    classes = next((given[key] for key in ("num_classes", "n_classes") if key in given), None)
    sizes = sizes_for(
        classes if isinstance(classes, int) else None,
        experiment.batch_size_train,
        experiment.batch_size_valid if experiment.search else 0,
        experiment.train_portion,
    )
    return named.model_copy(update={"options": {**sizes, **named.options}})


def _blamed(fault: Fault) -> Fault:
    """Name the experiment's own key where the constructor calls it `dataset.KEY`."""
    own = fault.path[:1] == ("dataset",) and fault.path[1:2] in [(key,) for key in _OF_EXPERIMENT]
    return Fault(fault.path[1:], fault.text) if own else fault
