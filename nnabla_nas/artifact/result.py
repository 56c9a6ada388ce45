"""How a run ended."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nnabla_nas.artifact.run_folder import RunFolder

Status = Literal["finished", "diverged", "interrupted"]


@dataclass(frozen=True)
class Result:
    """What result.json says.

    Args:
        status: how the run ended.
        algorithm: the registered name of the runner.
        search: whether it searched.
        seed: the experiment's seed.
        metrics: loss and error by set (`train`, `valid`, `test`); None for a set not evaluated.
        epochs: epochs done, warm-up included.
        updates: updates done.
        wall_clock_seconds: time from start to end, in seconds.
        device_seconds: time the device spent on updates and evaluation, in seconds.
        parameters: trainable scalars of the decoded network.
        multiply_adds: multiply-adds of the decoded network for one example.
        uncounted: names of functions whose multiply-adds are not known.
        constraints: per constraint the decoded network's cost, its unit and its bound.
        weights_epoch: the epoch weights.h5 is from, if weights were chosen by epoch.
        retrain: the command that trains the found architecture, after a search.
        stopped: why a search ended before its last epoch, if it did.
        judged: how many architectures were judged as wholes, where the algorithm does that.
    """

    status: Status
    algorithm: str
    search: bool
    seed: int
    metrics: Mapping[str, Mapping[str, float] | None]
    epochs: int
    updates: int
    wall_clock_seconds: float
    device_seconds: float
    parameters: int
    multiply_adds: int
    uncounted: Sequence[str] = field(default_factory=tuple)
    constraints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weights_epoch: int | None = None
    retrain: str | None = None
    stopped: str | None = None
    judged: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the content of result.json; metrics that are not finite become null."""
        return {
            "status": self.status,
            "algorithm": self.algorithm,
            "search": self.search,
            "seed": self.seed,
            "metrics": {
                name: _finite(self.metrics.get(name)) for name in ("train", "valid", "test")
            },
            "epochs": self.epochs,
            "updates": self.updates,
            "wall_clock_seconds": self.wall_clock_seconds,
            "device_seconds": self.device_seconds,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "uncounted": list(self.uncounted),
            "constraints": {key: dict(one) for key, one in self.constraints.items()},
            "weights_epoch": self.weights_epoch,
            "retrain": self.retrain,
            "stopped": self.stopped,
            "judged": self.judged,
        }


def _finite(metrics: Mapping[str, float] | None) -> dict[str, float | None] | None:
    if metrics is None:
        return None
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def retrain_command(
    folder: RunFolder,
    output: str | Path | None = None,
    changes: Mapping[str, str] | None = None,
) -> str:
    """Return the shell command that trains the architecture found in a folder.

    Args:
        folder: the folder of the search.
        output: where the training shall write; by default the folder `train` beside a folder
            named `search`, else the folder's own name with `-train`.
        changes: key → value of what else the training changes in the experiment.
    """
    if output is None:
        path = folder.path if folder.path.name not in ("", "..") else folder.path.resolve()
        output = path.with_name("train" if path.name == "search" else f"{path.name}-train")
    values = {
        "train_portion": "1.0",
        "network.genotype": folder.arch_h5,
        **(changes or {}),
    }
    return shlex.join(
        [
            *("python", "main.py", "-f", str(folder.config), "-a", "Trainer", "--no-search"),
            *(word for key, value in values.items() for word in ("-x", f"{key}={value}")),
            *("-o", str(output)),
        ]
    )
