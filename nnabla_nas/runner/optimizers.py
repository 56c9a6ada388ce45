"""From an experiment's optimizer settings to an optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnabla_nas.config.experiment import PhaseSettings
from nnabla_nas.errors import InputError
from nnabla_nas.optimizer.loss_scale import LossScale
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.registry import lr_schedulers, solvers


def build_optimizer(
    settings: PhaseSettings,
    parameters: Mapping[str, Any],
    n_updates: int,
    loss_scale: LossScale | None = None,
) -> Optimizer:
    """Build the optimizer of one phase.

    Args:
        settings: solver, schedule, clipping and weight decay.
        parameters: path → parameter, all that the phase may ever move.
        n_updates: updates of the whole phase, for the schedule.
        loss_scale: what the losses are multiplied with; None for no scaling.

    Raises:
        InputError: if a schedule is given that ends before the phase does.
    """
    scheduler = settings.lr_scheduler
    max_iter = _shortest(scheduler.options) if scheduler is not None else None
    if max_iter is not None and max_iter < n_updates:
        raise InputError(
            f"lr_scheduler.max_iter: got {max_iter}; allowed: {n_updates}, the updates of its "
            "phase, or more (left out, it is filled in)"
        )
    return Optimizer(
        parameters,
        solvers.get(settings.solver.name),
        settings.solver.options,
        n_updates=n_updates,
        lr_scheduler=None if scheduler is None else lr_schedulers.get(scheduler.name),
        lr_scheduler_arguments={} if scheduler is None else scheduler.options,
        grad_clip=settings.grad_clip,
        grad_clip_mode=settings.grad_clip_mode,
        weight_decay=settings.weight_decay,
        loss_scale=loss_scale,
    )


def _shortest(options: Mapping[str, Any]) -> int | None:
    """Return the smallest `max_iter` of a scheduler and the one inside it, or None."""
    inner = options.get("scheduler")
    given = [options["max_iter"]] if "max_iter" in options else []
    if isinstance(inner, Mapping) and (nested := _shortest(inner)) is not None:
        given.append(nested)
    return min(given, default=None)
