"""Learning-rate schedules of nnabla, with what the run knows filled in."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Protocol

from nnabla.utils import learning_rate_scheduler

_CLASSES = {
    name: getattr(learning_rate_scheduler, name)
    for name in (
        "CosineScheduler",
        "ExponentialScheduler",
        "LinearWarmupScheduler",
        "PolynomialScheduler",
        "StepScheduler",
    )
}


class Scheduler(Protocol):
    """A learning rate for every update."""

    def get_learning_rate(self, iter: int) -> float:
        """Return the learning rate of one update.

        Args:
            iter: how many updates were made before it.
        """
        ...


def build_scheduler(
    scheduler: Any, arguments: Mapping[str, Any], *, init_lr: float, max_iter: int
) -> Scheduler:
    """Construct a learning-rate scheduler.

    Args:
        scheduler: its class.
        arguments: its keyword arguments. `init_lr` and `max_iter` may be left out. An inner
            `scheduler` is an instance, or `{"name": CLASS, **arguments}` with CLASS one of
            nnabla's schedulers, by name or as a class.
        init_lr: the step size to start from, for schedulers that take one.
        max_iter: the number of updates to come, for schedulers that take it.

    Returns:
        The scheduler.
    """
    known = {"init_lr": init_lr, "max_iter": max_iter}
    taken = inspect.signature(scheduler).parameters
    filled = {name: value for name, value in known.items() if name in taken} | dict(arguments)
    inner = filled.get("scheduler")
    if isinstance(inner, Mapping):
        options = dict(inner)
        name = options.pop("name")
        inner_class = _CLASSES[name] if isinstance(name, str) else name
        filled["scheduler"] = build_scheduler(
            inner_class, options, init_lr=init_lr, max_iter=max_iter
        )
    built: Scheduler = scheduler(**filled)
    return built
