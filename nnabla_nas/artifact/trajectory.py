"""trajectory.csv: one row of numbers per epoch."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from nnabla_nas.artifact.writing import reason, writing
from nnabla_nas.errors import NasError
from nnabla_nas.integrity import read_regular

COLUMNS = (
    "phase",
    "epoch",
    "step",
    "seconds",
    "examples",
    "loss_train",
    "error_train",
    "loss_valid",
    "error_valid",
    "error_test",
    "reward",
    "entropy",
    "changed_choices",
    "learning_rate",
)
_STEP = COLUMNS.index("step")
_LARGEST = 2**30


class Trajectory:
    """An append-only table; the first row written to a new file is preceded by the header.

    Args:
        path: the CSV file.
        require: called before a row is written; raises where nothing may be.
    """

    def __init__(self, path: Path, require: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self._require = require

    def append(
        self,
        phase: str,
        epoch: int,
        step: int,
        seconds: float,
        examples: int,
        *,
        loss_train: float | None = None,
        error_train: float | None = None,
        loss_valid: float | None = None,
        error_valid: float | None = None,
        error_test: float | None = None,
        reward: float | None = None,
        entropy: float | None = None,
        changed_choices: int | None = None,
        learning_rate: float | None = None,
    ) -> None:
        """Write one row; floats read back as the same floats, missing values are empty.

        Args:
            phase: warmup, search or train.
            epoch: epochs of the phase that are complete.
            step: updates done in all.
            seconds: wall-clock time so far, in seconds.
            examples: training examples seen.
            loss_train: mean training loss of the epoch.
            error_train: mean top-1 training error, from 0 to 1.
            loss_valid: mean validation loss.
            error_valid: mean top-1 validation error.
            error_test: mean top-1 test error.
            reward: mean reward of the sampled architectures.
            entropy: mean entropy of the choices, in nats.
            changed_choices: choices whose most probable candidate changed in the epoch.
            learning_rate: the step size of the last update.

        Raises:
            NasError: if the row cannot be written.
        """
        measured = [loss_train, error_train, loss_valid, error_valid, error_test, reward, entropy]
        row = [phase, epoch, step, _number(seconds), examples]
        row += [*map(_number, measured), changed_choices, _number(learning_rate)]
        self._require()
        with writing(self.path), self.path.open("a", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, lineterminator="\n")
            if stream.tell() == 0:
                table.writerow(COLUMNS)
            table.writerow(row)

    def cut_back(self, step: int, replacing: Callable[[Path], AbstractContextManager[Path]]) -> int:
        """Remove the rows of updates after a step, which a resumed run does again.

        Args:
            step: updates done.
            replacing: `RunFolder.replacing`, so that the file is whole at every moment.

        Returns:
            How many lines before the last were no rows, and have been left out. The last may be
            what a killed process left unfinished: one of those that are done again.

        Raises:
            NasError: if the file cannot be read or written.
        """
        if not self.path.exists():
            return 0
        try:
            content = read_regular(self.path, _LARGEST).decode(errors="replace")
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else str(error)
            raise NasError(f"cannot read {str(self.path)!r}: {why}") from error
        rows = [_parsed(line) for line in content.split("\n")]
        kept = [row for row in rows if row and int(row[_STEP]) <= step]
        with replacing(self.path) as partial, partial.open("w", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *kept])
        return sum(row is None for row in rows[1:-1])


def _parsed(line: str) -> list[str] | None:
    """Return the cells of a row, or None of what is no row: a torn or damaged line."""
    cells = line.split(",")
    try:
        int(cells[_STEP])
        list(map(float, filter(None, cells[1:])))
    except (IndexError, ValueError):
        return None
    return cells if len(cells) == len(COLUMNS) and cells[0].isalpha() else None


def _number(value: float | None) -> float | None:
    # csv writes Python's floats with repr; a numpy float32 would be cut to fewer digits.
    return None if value is None else float(value)
