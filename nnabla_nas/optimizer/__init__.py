"""A solver with its learning-rate schedule, gradient clipping and weight decay."""

from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.optimizer.scheduler import build_scheduler

__all__ = ["Optimizer", "build_scheduler"]
