"""The second stage of checking: everything an experiment names is imported and asked.

What is left out is filled in, so that the completed experiment says all of what will run.
"""

from __future__ import annotations

from nnabla_nas.config.constraint_arguments import complete_constraints
from nnabla_nas.config.dataset_arguments import (
    build_dataset,
    check_dataset_options,
    check_sizes,
    complete_dataset,
)
from nnabla_nas.config.evaluator_arguments import complete_evaluator, takes_evaluator
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.faults import Fault, got
from nnabla_nas.config.kind import default_portion, missing_phases, search_allowed, unused_keys
from nnabla_nas.config.loading import load
from nnabla_nas.config.network_arguments import build_network, complete_network
from nnabla_nas.config.optimizer_arguments import complete_optimizer
from nnabla_nas.config.parameter import parameters
from nnabla_nas.config.signature import check, with_defaults
from nnabla_nas.config.transform_arguments import complete_transforms
from nnabla_nas.registry import evaluators, runners

__all__ = ["build_dataset", "build_network", "complete", "complete_trained"]


def complete(experiment: Experiment) -> tuple[Experiment, list[str]]:
    """Check an experiment against the classes it names, and write every default out.

    Args:
        experiment: an experiment that passed the first stage.

    Returns:
        The completed experiment, and notices about what it holds in vain.

    Raises:
        InputError: with one line per fault, all faults together.
    """
    sources = experiment.sources
    experiment, searching, faults = _complete_algorithm(experiment)
    experiment, info, wrong = complete_dataset(experiment)
    faults += wrong
    if info is not None and searching is not None:
        faults += check_sizes(experiment, info, searching)
    experiment, wrong, notices = complete_network(experiment, info)
    faults += wrong
    experiment, wrong = complete_optimizer(experiment)
    faults += wrong
    experiment, wrong = complete_constraints(experiment)
    faults += wrong
    experiment, wrong = complete_transforms(experiment)
    sources.check([*faults, *wrong])
    phases = experiment.optimizer.phases()
    name = experiment.algorithm.name
    unused = unused_keys(phases, name, bool(searching), experiment.warmup, _judged_by(experiment))
    if experiment.transforms is not None and experiment.cutout:
        notices.append("cutout is not used: transforms say what is done")
    return experiment, [*notices, *unused]


def complete_trained(experiment: Experiment) -> Experiment:
    """Check the experiment of a training that has ended, without the data it was trained on.

    Args:
        experiment: what the training's config.json says.

    Returns:
        The completed experiment.

    Raises:
        InputError: with one line per fault, all faults together.
    """
    sources = experiment.sources
    experiment, _, faults = _complete_algorithm(experiment)
    faults += check_dataset_options(experiment)
    experiment, wrong, _ = complete_network(experiment, None)
    faults += wrong
    experiment, wrong = complete_optimizer(experiment)
    sources.check([*faults, *wrong])
    return experiment.with_sources(sources)


def _judged_by(experiment: Experiment) -> tuple[str, ...]:
    """Return the entries of `optimizer` that the evaluator of a completed experiment needs."""
    named = experiment.algorithm
    if not takes_evaluator(parameters(runners.get(named.name), keyword_only=True)):
        return ()
    phases: tuple[str, ...] = evaluators.get(named.options["evaluator"]["name"]).phases
    return phases


def _complete_algorithm(experiment: Experiment) -> tuple[Experiment, bool | None, list[Fault]]:
    """Check the algorithm's options; of a user's own one only now is known whether it searches."""
    named = experiment.algorithm
    runner, faults = load(runners, named.name, ("algorithm", "name"))
    if runner is None:
        return experiment, None, faults
    searching = bool(getattr(runner, "searches", False))
    changes: dict[str, object] = {}
    if "search" not in experiment.model_fields_set:
        changes["search"] = searching
    if "train_portion" not in experiment.model_fields_set:
        changes["train_portion"] = default_portion(searching)
    experiment = experiment.model_copy(update=changes)
    allowed = search_allowed(experiment.search, named.name, searching)
    if allowed is not None:
        faults.append(Fault(("search",), got(experiment.search, allowed), (("algorithm",),)))
    phases = experiment.optimizer.phases()
    needed = missing_phases(phases, named.name, searching, experiment.epoch, experiment.warmup)
    if needed is not None:
        shown = {name: phase.to_json() for name, phase in phases.items()}
        faults.append(Fault(("optimizer",), got(shown, needed), (("algorithm",),)))
    known = parameters(runner, keyword_only=True)
    faults += check(known, named.options, ("algorithm",))
    options = with_defaults(known, named.options)
    if takes_evaluator(known) and "evaluator" in options:
        options["evaluator"], wrong = complete_evaluator(options["evaluator"], phases)
        faults += wrong
    if not faults:
        named = named.model_copy(update={"options": options})
    return experiment.model_copy(update={"algorithm": named}), searching, faults
