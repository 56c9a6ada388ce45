"""Running means of what is measured batch by batch."""

from __future__ import annotations

import math
from typing import Any


class Meter:
    """A weighted running mean."""

    def __init__(self) -> None:
        self.total = 0.0
        self.weight = 0.0

    def add(self, value: float, weight: float = 1.0) -> None:
        """Count a value.

        Args:
            value: the value, for example the mean loss of a batch.
            weight: how much it counts, for example the number of examples in the batch.
        """
        self.total += float(value) * weight
        self.weight += weight

    @property
    def mean(self) -> float:
        """The weighted mean of what was counted since the last reset; NaN if there is nothing."""
        return self.total / self.weight if self.weight else math.nan

    def reset(self) -> None:
        """Forget everything counted."""
        self.total = 0.0
        self.weight = 0.0

    def state_dict(self) -> dict[str, float]:
        """Return the sum and the weight."""
        return {"total": self.total, "weight": self.weight}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Continue where `state_dict` found it.

        Args:
            state: what `state_dict` returned.
        """
        self.total = state["total"]
        self.weight = state["weight"]


class Meters(dict[str, Meter]):
    """Meters by name; asking for a new name makes its meter: `meters["loss"].add(0.3, 64)`."""

    def __missing__(self, name: str) -> Meter:
        self[name] = Meter()
        return self[name]

    def means(self) -> dict[str, float]:
        """Return the mean of every meter that counted something."""
        return {name: meter.mean for name, meter in self.items() if meter.weight}

    def reset(self) -> None:
        """Forget everything counted, in every meter."""
        for meter in self.values():
            meter.reset()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every meter by name."""
        return {name: meter.state_dict() for name, meter in self.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` found them.

        Args:
            state: what `state_dict` returned; meters it does not name are removed.
        """
        self.clear()
        for name, meter_state in state.items():
            self[name].load_state_dict(meter_state)
