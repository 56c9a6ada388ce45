"""What the networks of a group cost, on average."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from nnabla_nas.report.findings import Compared


@dataclass(frozen=True)
class Costs:
    """Means over the finished runs of a group; None where nothing is known.

    Args:
        parameters: trainable scalars.
        multiply_adds: of one example.
        latency: ms, where an estimator bounded it.
        memory: bytes, where an estimator bounded it.
        device_seconds: seconds that the device computed for the run itself.
        search_seconds: those of the search that its architecture came from.
    """

    parameters: float | None
    multiply_adds: float | None
    latency: float | None
    memory: float | None
    device_seconds: float | None
    search_seconds: float | None

    @property
    def all_seconds(self) -> float | None:
        """Device seconds of the run and of the search before it."""
        if self.device_seconds is None or self.search_seconds is None:
            return None
        return self.device_seconds + self.search_seconds


def costs(compared: Compared) -> Costs:
    """Return the mean costs of a group.

    Args:
        compared: the group.
    """
    group = compared.group
    seconds = [compared.search_seconds[run.folder] for run in group.finished]
    known = [one for one in seconds if one is not None]
    return Costs(
        group.mean("parameters"),
        group.mean("multiply_adds"),
        group.mean_cost("Latency"),
        group.mean_cost("Memory"),
        group.mean("device_seconds"),
        fmean(known) if known and len(known) == len(seconds) else None,
    )
