"""Tables of architectures whose errors are known: NAS-Bench-Macro's file, or a search's."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnabla_nas.artifact.writing import reason
from nnabla_nas.errors import InputError
from nnabla_nas.search_space.encoding import Code

_LARGEST = 200_000_000
_Row = tuple[float, list[float]]


class Benchmark:
    """The errors of architectures, from a file.

    JSON, as NAS-Bench-Macro has it (Su et al., "Prioritized Architecture Sampling with
    Monto-Carlo Tree Search", 2021): an object per architecture, whose key has a digit per variable;
    `mean_acc`, or else the mean of `test_acc`, is its accuracy in per cent. Or CSV, as a search's
    candidates.csv: the columns `code` and `error`.

    Args:
        path: the file.

    Raises:
        InputError: if it is missing, damaged or holds no architecture.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            if self.path.stat().st_size > _LARGEST:
                raise InputError(f"{path}: larger than any table ({_LARGEST:,} bytes)")
            text = self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {reason(error)}") from error
        except ValueError as error:
            raise InputError(f"{path}: no table: not a text file") from error
        # By architecture the mean error, and that of every training that is known.
        self._rows = self._from_csv(text) if self.path.suffix == ".csv" else self._from_json(text)
        if not self._rows:
            raise InputError(f"{path}: holds no architecture")

    @property
    def errors(self) -> Mapping[Code, float]:
        """By architecture its mean error, from 0 to 1."""
        return {code: mean for code, (mean, _) in self._rows.items()}

    def error(self, code: Code) -> float:
        """Return the mean error of an architecture.

        Args:
            code: the architecture.

        Raises:
            InputError: if the table does not hold it.
        """
        return self._row(code)[0]

    def trainings(self, code: Code) -> list[float]:
        """Return the errors of all trainings of an architecture that the table holds.

        Args:
            code: the architecture.

        Raises:
            InputError: if the table does not hold it.
        """
        return self._row(code)[1]

    def _row(self, code: Code) -> _Row:
        if code not in self._rows:
            an = next(iter(self._rows))
            raise InputError(
                f"{self.path}: holds no architecture {'-'.join(map(str, code))}; its first one is "
                f"{'-'.join(map(str, an))}: is it of this search space?"
            )
        return self._rows[code]

    def _from_json(self, text: str) -> dict[Code, _Row]:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.path}: no table: it is no JSON") from error
        if not isinstance(content, dict):
            raise InputError(f"{self.path}: no table: allowed an object per architecture")
        return {self._code(key): self._errors_of(key, row) for key, row in content.items()}

    def _errors_of(self, key: str, row: Any) -> _Row:
        """Return the errors of a row whose accuracies are in per cent."""
        given = row if isinstance(row, dict) else {}
        several = self._read(key, given.get("test_acc", [given.get("mean_acc")]))
        mean = math.fsum(several) / len(several)
        return self._read(key, [given["mean_acc"]])[0] if "mean_acc" in given else mean, several

    def _read(self, key: str, values: Any) -> list[float]:
        values = values if isinstance(values, list) else [values]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if not numbers or len(numbers) < len(values) or not all(0 <= v <= 100 for v in numbers):
            allowed = "'mean_acc' or 'test_acc', accuracies in per cent"
            raise InputError(
                f"{self.path}: architecture '{key[:40]}': allowed an object with {allowed}"
            )
        return [1 - value / 100 for value in numbers]

    def _from_csv(self, text: str) -> dict[Code, _Row]:
        try:
            rows = list(csv.DictReader(text.splitlines()))
            errors = {self._code(row["code"]): float(row["error"]) for row in rows}
            if not all(map(math.isfinite, errors.values())):
                raise ValueError("an error that is not finite")
            return {code: (error, [error]) for code, error in errors.items()}
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise InputError(
                f"{self.path}: no table: allowed columns 'code' and 'error'"
            ) from error

    def _code(self, key: str) -> Code:
        """Return the architecture of a key: digits, or numbers with '-' between them."""
        parts = key.split("-") if "-" in key else list(key)
        if not parts or not all(p.isascii() and p.isdigit() and len(p) < 10 for p in parts):
            raise InputError(f"{self.path}: '{key[:40]}' is no architecture: allowed digits")
        return tuple(map(int, parts))
