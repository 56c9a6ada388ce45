"""The network of an experiment: which class, and its arguments."""

from __future__ import annotations

from typing import Any

from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.faults import Fault, faults_of, got
from nnabla_nas.config.loading import load
from nnabla_nas.config.parameter import Parameter, parameters
from nnabla_nas.config.signature import call_values, check, with_defaults
from nnabla_nas.errors import InputError, printable
from nnabla_nas.registry import search_spaces


def complete_network(
    experiment: Experiment, info: Any
) -> tuple[Experiment, list[Fault], list[str]]:
    """Check the network's arguments and fill in the others.

    Args:
        experiment: an experiment that passed the first stage.
        info: the sizes of the data set, None where they are not known.

    Returns:
        The experiment with every argument, the faults, and notices about arguments that only the
        space's other network takes.
    """
    network = experiment.network
    space, faults = load(search_spaces, network.search_space, ("network", "search_space"))
    if space is None:
        return experiment, faults, []
    used, other = _classes(space, experiment.search)
    if used is None:
        return experiment, [_no_network(experiment)], []
    known = parameters(used)
    unused = {} if other is None else parameters(other)
    sizes = {} if info is None else _sizes(experiment, info)
    given = network.arguments
    filled = set(_SIZE_KEYS)
    faults = check({**unused, **known}, given, ("network",), filled | (set(unused) - set(known)))
    faults += [
        Fault(("network", name), got(given[name], f"{size}, {meaning}"), (("dataset",),))
        for name, (size, meaning) in sizes.items()
        if name in known and name in given and given[name] != size
    ]
    if faults:
        return experiment, faults, []
    from_data = {name: size for name, (size, _) in sizes.items() if name in known}
    arguments = with_defaults(known, {**from_data, **given})
    faults = _checked_by_class(used, known, arguments)
    notices = [
        f"network.{name} is not used by {used.__name__}" for name in given if name not in known
    ]
    completed = network.model_copy(update={"arguments": arguments})
    return experiment.model_copy(update={"network": completed}), faults, notices


def build_network(experiment: Experiment) -> Any:
    """Construct the network.

    Args:
        experiment: a completed experiment.

    Raises:
        InputError: if it cannot be built from its arguments.
    """
    space = search_spaces.get(experiment.network.search_space)
    used, _ = _classes(space, experiment.search)
    try:
        return used(**call_values(parameters(used), experiment.network.arguments))
    except InputError as error:
        faults = faults_of(error, ("network",))
        # The kind of the error says more than that of its lines.
        raise type(error)(experiment.sources.lines(faults)) from error
    except ValueError as error:
        reason = " ".join(str(error).split())
        experiment.sources.check([Fault(("network",), reason)])
        raise


_SIZE_KEYS = ("in_channels", "num_classes", "n_classes", "input_shape")


def _sizes(experiment: Experiment, info: Any) -> dict[str, tuple[Any, str]]:
    """Return what the data set says about arguments that networks share, with its meaning."""
    of = f"of data set '{experiment.dataset.name}'"
    classes = (info.n_classes, f"the number of classes {of}")
    return {
        "in_channels": (info.shape[0], f"the channels {of}"),
        "num_classes": classes,
        "n_classes": classes,
        "input_shape": (list(info.shape), f"the shape {of}"),
    }


def _classes(space: Any, search: bool) -> tuple[Any, Any]:
    """Return the network that is built and the space's other one."""
    search_net = getattr(space, "SearchNet", None)
    train_net = getattr(space, "TrainNet", None)
    return (search_net, train_net) if search else (train_net, search_net)


def _no_network(experiment: Experiment) -> Fault:
    purpose = "search" if experiment.search else "training"
    allowed = f"a search space with a network for {purpose}"
    name = experiment.network.search_space
    return Fault(("network", "search_space"), got(name, allowed), (("search",), ("algorithm",)))


def _checked_by_class(
    used: Any, known: dict[str, Parameter], arguments: dict[str, Any]
) -> list[Fault]:
    check_arguments = getattr(used, "check_arguments", None)
    # Something is missing only where the data set, at fault itself, would have filled it in.
    if check_arguments is None or any(known[name].required for name in known.keys() - arguments):
        return []
    found = check_arguments(call_values(known, arguments))
    # What a class says may quote what it got.
    return [Fault(("network", *key.split(".")), printable(text)) for key, text in found]
