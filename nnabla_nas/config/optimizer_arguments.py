"""The optimizer's phases: arguments of solvers and learning-rate schedulers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from nnabla_nas.config.experiment import Experiment, PhaseSettings
from nnabla_nas.config.faults import Fault, Path, got
from nnabla_nas.config.loading import load
from nnabla_nas.config.named import Named
from nnabla_nas.config.parameter import Parameter, parameters
from nnabla_nas.config.signature import check, with_defaults
from nnabla_nas.registry import lr_schedulers, solvers

_Positive = Annotated[int, Field(ge=1)]
# nnabla's schedulers have no annotations; a wrong type would fail in the middle of a run.
_SCHEDULER_TYPES: dict[str, Any] = {
    "init_lr": Annotated[float, Field(ge=0)],
    "max_iter": _Positive,
    "power": float,
    "gamma": float,
    "iter_interval": _Positive,
    "iter_steps": list[int],
    "warmup_iter": _Positive,
}
_FILLED_BY_RUN = ("init_lr", "max_iter")


def complete_optimizer(experiment: Experiment) -> tuple[Experiment, list[Fault]]:
    """Check the arguments of every phase's solver and scheduler, and fill in the others.

    Args:
        experiment: an experiment that passed the first stage.

    Returns:
        The experiment with every argument, and the faults.
    """
    phases: dict[str, PhaseSettings] = {}
    faults: list[Fault] = []
    for name, phase in experiment.optimizer.phases().items():
        path = ("optimizer", name)
        solver, wrong = _complete_solver(phase.solver, (*path, "solver"))
        faults += wrong
        scheduler = phase.lr_scheduler
        if scheduler is not None:
            scheduler, wrong = _complete_scheduler(scheduler, (*path, "lr_scheduler"))
            faults += wrong
        phases[name] = phase.model_copy(update={"solver": solver, "lr_scheduler": scheduler})
    optimizers = experiment.optimizer.model_copy(update=phases)
    return experiment.model_copy(update={"optimizer": optimizers}), faults


def _complete_solver(solver: Named, path: Path) -> tuple[Named, list[Fault]]:
    target, faults = load(solvers, solver.name, (*path, "name"))
    if target is None:
        return solver, faults
    known = parameters(target)
    step_size = next(iter(known), "lr")
    given = dict(solver.options)
    written = step_size
    if "lr" in given and "lr" not in known:
        if step_size in given:
            text = f"given beside '{step_size}', the same step size; allowed one of them"
            return solver, [Fault((*path, "lr"), text, ((*path, step_size),))]
        written = "lr"
        given = {step_size: given.pop("lr"), **given}
    faults = [_renamed(fault, step_size, written, path) for fault in check(known, given, path)]
    if not faults and given.get(step_size, 0) < 0:
        faults = [Fault((*path, written), got(given[step_size], "a step size >= 0"))]
    if faults:
        return solver, faults
    return solver.model_copy(update={"options": with_defaults(known, given)}), []


def _renamed(fault: Fault, step_size: str, written: str, path: Path) -> Fault:
    """Name the step size as the user wrote it."""
    return Fault((*path, written), fault.text) if fault.path == (*path, step_size) else fault


def _complete_scheduler(scheduler: Named, path: Path) -> tuple[Named, list[Fault]]:
    target, faults = load(lr_schedulers, scheduler.name, (*path, "name"))
    if target is None:
        return scheduler, faults
    taken = parameters(target)
    known = {
        name: Parameter(name, _SCHEDULER_TYPES.get(name, one.annotation), one.default)
        for name, one in taken.items()
        if name != "scheduler"
    }
    given = dict(scheduler.options)
    inner_options: dict[str, Any] = {}
    faults = []
    if "scheduler" in taken:
        inner, faults = _inner(given.pop("scheduler", None), (*path, "scheduler"))
        inner_options = {} if inner is None else {"scheduler": inner.to_json()}
    faults += check(known, given, path, filled=_FILLED_BY_RUN)
    options = {**inner_options, **with_defaults(known, given, filled=_FILLED_BY_RUN)}
    return scheduler.model_copy(update={"options": options}), faults


def _inner(value: Any, path: Path) -> tuple[Named | None, list[Fault]]:
    """Check the scheduler that another one takes over from the start."""
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None, [Fault(path, got(value, "a scheduler: a name, or an object with 'name'"))]
    options = {name: value[name] for name in value if name != "name"}
    return _complete_scheduler(Named(name=value["name"], options=options), path)
