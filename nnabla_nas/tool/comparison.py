"""A table of finished runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from nnabla_nas.artifact.run_folder import RunFolder


@dataclass(frozen=True)
class Row:
    """What a finished training says of its network.

    Args:
        name: the run's name.
        error: test error, from 0 to 1.
        examples: test images.
        parameters: trainable scalars.
        multiply_adds: for one example.
        seconds: wall-clock time of the training.
    """

    name: str
    error: float
    examples: int
    parameters: int
    multiply_adds: int
    seconds: float

    @property
    def standard_error(self) -> float:
        """The standard error of the test error, a share of `examples` independent images."""
        return sqrt(self.error * (1 - self.error) / self.examples)


def read_row(folder: Path) -> Row:
    """Read a row from a run's result.json.

    Args:
        folder: the run's output folder.
    """
    result = json.loads(RunFolder(folder).result.read_text(encoding="utf-8"))
    test = result["metrics"]["test"]
    return Row(
        folder.name,
        test["error"],
        test["examples"],
        result["parameters"],
        result["multiply_adds"],
        result["wall_clock_seconds"],
    )


def comparison(folders: Sequence[Path]) -> str:
    """Return the table of some runs and one sentence about the first of them.

    Args:
        folders: output folders of trainings; the first is that of the architecture found.
    """
    rows = [read_row(folder) for folder in folders]
    lines = [f"\n{'':<12}{'test error':>18}{'parameters':>13}{'multiply-adds':>15}{'seconds':>9}"]
    lines += [
        f"{row.name:<12}{100 * row.error:>8.2f} ± {100 * row.standard_error:.2f} %"
        f"{row.parameters:>14,}{row.multiply_adds:>15,}{row.seconds:>9.0f}"
        for row in rows
    ]
    lines.append(f"({rows[0].examples} test images: one of them is {100 / rows[0].examples:.2f} %)")
    return "\n".join([*lines, "", *_verdicts(rows)])


def _verdicts(rows: Sequence[Row]) -> list[str]:
    """Say for every other run whether the difference is more than chance would make."""
    found, others = rows[0], rows[1:]
    return [f"The architecture found against {row.name}: {_verdict(found, row)}" for row in others]


def _verdict(found: Row, other: Row) -> str:
    difference = other.error - found.error
    spread = sqrt(found.standard_error**2 + other.standard_error**2)
    size = f"{found.multiply_adds / other.multiply_adds:.2f} of its multiply-adds"
    if abs(difference) <= 2 * spread:
        return f"no difference beyond two standard errors, at {size}."
    word = "fewer" if difference > 0 else "more"
    return f"{100 * abs(difference):.2f} points {word} errors, at {size}."
