"""The phases of learning: which solver, which schedule, which limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from nnabla_nas.config.fields import Norm, Scheduler, Solver, Weight, allowed
from nnabla_nas.config.named import Named

STRICT = ConfigDict(
    strict=True, frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
)


class PhaseSettings(BaseModel):
    """How the parameters of one phase learn.

    Args:
        solver: the nnabla solver and its arguments.
        grad_clip: largest norm of the gradient, None for no clipping.
        grad_clip_mode: whether the norm is that of all gradients together or of each.
        weight_decay: factor of the L2 term added to the clipped gradient.
        lr_scheduler: the learning-rate scheduler, None for a constant rate.
    """

    model_config = STRICT

    solver: Solver
    grad_clip: Norm = None
    grad_clip_mode: Annotated[
        Literal["global", "per_parameter"], allowed("'global' or 'per_parameter'")
    ] = "global"
    weight_decay: Weight = 0.0
    lr_scheduler: Scheduler = None

    def to_json(self) -> dict[str, Any]:
        """Return the phase as it is written in JSON."""
        scheduler = self.lr_scheduler and self.lr_scheduler.to_json()
        values = self.model_dump(include={"grad_clip", "grad_clip_mode", "weight_decay"})
        return {"solver": self.solver.to_json(), **values, "lr_scheduler": scheduler}


def _cosine_by_default(phase: Any) -> Any:
    if isinstance(phase, dict) and "lr_scheduler" not in phase:
        return {**phase, "lr_scheduler": Named(name="CosineScheduler")}
    return phase


DecayingPhase = Annotated[PhaseSettings | None, BeforeValidator(_cosine_by_default)]


class Optimizers(BaseModel):
    """The phases of learning.

    Args:
        train: how the model parameters learn.
        valid: how the architecture parameters learn.
        warmup: how the model parameters learn before the architecture does.
    """

    model_config = STRICT

    train: DecayingPhase = None
    valid: PhaseSettings | None = None
    warmup: DecayingPhase = None

    def phases(self) -> dict[str, PhaseSettings]:
        """Return the phases that are given, by name."""
        named = {"train": self.train, "valid": self.valid, "warmup": self.warmup}
        return {name: phase for name, phase in named.items() if phase is not None}

    def to_json(self) -> dict[str, Any]:
        """Return the phases as they are written in JSON."""
        return {name: phase.to_json() for name, phase in self.phases().items()}
