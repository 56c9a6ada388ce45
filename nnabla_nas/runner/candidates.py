"""candidates.csv: every architecture that a search has judged, in order; all its state."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.writing import writing
from nnabla_nas.search_space.encoding import Code

_MEASURED = ("error", "epochs", "history", "examples")


@dataclass(frozen=True)
class Judgement:
    """What an evaluator says of an architecture.

    Args:
        error: the smaller the better: top-1 error from 0 to 1, unless the evaluator says otherwise.
        examples: images that were passed through the network for it, trained or judged.
        epochs: how long it was trained, where that differs between architectures.
        history: its errors after each of several lengths of training, the last one included.
    """

    error: float
    examples: int = 0
    epochs: int = 0
    history: tuple[float, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """An architecture that was judged.

    Args:
        code: the architecture.
        judgement: what the evaluator said.
        costs: by the keys of the constraints, and `multiply_adds`.
        loss: the error, raised where a soft bound is exceeded; the search minimises it.
        seconds: how long judging took.
    """

    code: Code
    judgement: Judgement
    costs: dict[str, float] = field(hash=False)
    loss: float
    seconds: float = 0.0

    @property
    def error(self) -> float:
        """What the evaluator judged, the smaller the better."""
        return self.judgement.error

    @property
    def rank(self) -> tuple[int, float]:
        """What candidates are compared by: longer training first, then the smaller loss."""
        return -self.judgement.epochs, self.loss


class CandidatesFile:
    """The table of judged architectures in an output folder.

    Args:
        folder: the output folder.
        columns: per cost its key and its unit.
    """

    def __init__(self, folder: RunFolder, columns: dict[str, str]) -> None:
        self._folder = folder
        self._costs = columns
        costs = [f"{key} ({unit})" for key, unit in columns.items()]
        self._heading = ["order", "code", "architecture", *_MEASURED, *costs, "seconds"]

    def append(self, number: int, candidate: Candidate, code: str, words: str) -> None:
        """Write a row; the first one begins the file.

        Args:
            number: how many were judged before.
            candidate: the architecture.
            code: its code as text.
            words: its operations.

        Raises:
            NasError: if it cannot be written.
        """
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        if number == 0:
            table.writerow(self._heading)
        judged = candidate.judgement
        history = " ".join(map(repr, judged.history))
        row: list[Any] = [number + 1, code, words, judged.error, judged.epochs, history]
        costs = [candidate.costs[key] for key in self._costs]
        table.writerow([*row, judged.examples, *costs, round(candidate.seconds, 3)])
        path = self._folder.candidates
        mode = "a" if number else "w"
        with writing(path), path.open(mode, encoding="utf-8", newline="") as stream:
            stream.write(text.getvalue())

    def read(self) -> list[tuple[str, Judgement, float]]:
        """Return code, judgement and seconds of every row, up to one that is not whole.

        What is behind is cut off, as a search that goes on writes it again.
        """
        path = self._folder.candidates
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        rows, whole = [], lines[:1]
        for number, line in enumerate(lines[1:], start=1):
            row = _parsed(self._heading, line, number)
            if row is None or not line.endswith("\n"):
                break
            rows.append(row)
            whole.append(line)
        if len(whole) < len(lines):
            self._folder.write_text(path, "".join(whole))
        return rows


def _parsed(heading: list[str], line: str, number: int) -> tuple[str, Judgement, float] | None:
    """Return what a line says, None where it is not what was written there."""
    try:
        row = dict(zip(heading, next(csv.reader([line])), strict=True))
        if int(row["order"]) != number:
            return None
        history = tuple(map(float, row["history"].split()))
        judged = Judgement(float(row["error"]), int(row["examples"]), int(row["epochs"]), history)
        if not math.isfinite(judged.error):
            return None
        return row["code"], judged, float(row["seconds"])
    except (StopIteration, KeyError, ValueError, csv.Error):
        return None


def best_of(candidates: Sequence[Candidate]) -> Candidate:
    """Return the best candidate, the first one of equals.

    Args:
        candidates: one or more.
    """
    return min(candidates, key=lambda one: one.rank)
