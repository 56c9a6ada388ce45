"""Where a run stands, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Phase = Literal["warmup", "search", "train"]


@dataclass
class Progress:
    """How far a run has come.

    Args:
        phase: what the run is doing.
        epoch: epochs of this phase that are complete.
        step: updates done in all phases.
        examples: training examples seen in all phases.
        seconds: wall-clock time so far, in seconds.
        device_seconds: time the device spent on updates and evaluation, in seconds.
        best_epoch: the epoch with the lowest validation error, or None before there is one.
        best_error: that error, from 0 to 1.
        baseline: moving average of the reward, or None before the first one.
    """

    phase: Phase
    epoch: int = 0
    step: int = 0
    examples: int = 0
    seconds: float = 0.0
    device_seconds: float = 0.0
    best_epoch: int | None = None
    best_error: float | None = None
    baseline: float | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return every field by name."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over every field.

        Args:
            state: what `state_dict` returned.

        Raises:
            ValueError: if a field is missing or unknown; nothing is taken over then.
        """
        names = {field.name for field in fields(self)}
        if set(state) != names:
            raise ValueError(f"fields of a progress: {sorted(names)}, got {sorted(state)}")
        for name, value in state.items():
            setattr(self, name, value)
