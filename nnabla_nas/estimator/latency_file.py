"""Tables of measured latencies, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnabla_nas.errors import InputError
from nnabla_nas.integrity import read_regular

_VERSION = 1
_LARGEST = 16_000_000
_NEEDED = "an object with 'version' 1, 'unit' \"ms\" and 'operations', a list"


@dataclass(frozen=True)
class Latency:
    """What one operation takes at one shape.

    Args:
        median: of the measured runs, in ms.
        spread: between the quartiles, in ms; None where it is not known.
    """

    median: float
    spread: float | None = None

    @property
    def cautious(self) -> float:
        """The median plus the spread, in ms: what few runs exceed."""
        return self.median + (self.spread or 0.0)


def operation_key(operation: str, arguments: Mapping[str, Any], shapes: Any) -> str:
    """Return what tells an operation at its shapes from others.

    Args:
        operation: nnabla's name of the function.
        arguments: its arguments.
        shapes: of its inputs, parameters included.
    """
    return json.dumps([operation, arguments, [list(shape) for shape in shapes]], sort_keys=True)


def key_of(function: Any) -> str:
    """Return the key of a function of a graph.

    Args:
        function: the nnabla function.
    """
    shapes = (variable.shape for variable in function.inputs)
    return operation_key(function.info.type_name, function.info.args, shapes)


def read_latencies(path: str | Path) -> dict[str, Latency]:
    """Return the latencies in a table, by `operation_key`.

    Args:
        path: the JSON file.

    Raises:
        InputError: if it is missing or not such a table.
    """
    try:
        text = read_regular(path, _LARGEST)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: larger than any latency table ({_LARGEST:,} bytes)") from error
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a latency table: it is no JSON") from error
    rows = content.get("operations") if isinstance(content, dict) else None
    if (
        not isinstance(rows, list)
        or content.get("version") != _VERSION
        or content.get("unit") != "ms"
    ):
        raise InputError(f"{path}: not a latency table; allowed {_NEEDED}")
    latencies: dict[str, Latency] = {}
    for number, row in enumerate(rows):
        key, latency = _read_row(path, number, row)
        if key in latencies:
            raise InputError(f"{path}: operations.{number}: this operation is in the table twice")
        latencies[key] = latency
    return latencies


def _read_row(path: str | Path, number: int, row: Any) -> tuple[str, Latency]:
    try:
        key = operation_key(row["operation"], row["arguments"], row["input_shapes"])
        spread = row.get("spread_ms")
        latency = Latency(float(row["median_ms"]), None if spread is None else float(spread))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: operations.{number}: allowed an object with 'operation', 'arguments', "
            "'input_shapes' and 'median_ms'"
        ) from error
    for name, value in (("median_ms", latency.median), ("spread_ms", latency.spread or 0.0)):
        if not 0 <= value < math.inf:
            raise InputError(f"{path}: operations.{number}.{name}: allowed a number >= 0, in ms")
    return key, latency


def latencies_to_json(latencies: Mapping[str, Latency], about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a table.

    Args:
        latencies: by `operation_key`.
        about: how and on what they were measured.
    """
    rows = []
    for key, latency in latencies.items():
        operation, arguments, shapes = json.loads(key)
        rows.append(
            {
                "operation": operation,
                "arguments": arguments,
                "input_shapes": shapes,
                "median_ms": latency.median,
                "spread_ms": latency.spread,
            }
        )
    return {"version": _VERSION, "unit": "ms", "batch_size": 1, **about, "operations": rows}
