"""From an experiment's optimizer settings to an optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnabla_nas.config.experiment import PhaseSettings
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.registry import lr_schedulers, solvers


def build_optimizer(
    settings: PhaseSettings, parameters: Mapping[str, Any], n_updates: int
) -> Optimizer:
    """Build the optimizer of one phase.

    Args:
        settings: solver, schedule, clipping and weight decay.
        parameters: path → parameter, all that the phase may ever move.
        n_updates: updates of the whole phase, for the schedule.
    """
    scheduler = settings.lr_scheduler
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
    )
