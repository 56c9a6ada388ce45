"""JSON text from outside, read with limits: nothing it holds can hang, crash or mislead a run."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path as FilePath
from typing import Any

from nnabla_nas.config.faults import Fault, Path
from nnabla_nas.errors import InputError

# The names of many classes, each as long as a file's may be, stand in a run's config.json.
LARGEST_FILE = 32_000_000
MOST_VALUES = 500_000
DEEPEST_NESTING = 32
LARGEST_INTEGER = 2**63 - 1
_NO_TEXT = "got a NUL or an unpaired surrogate; allowed Unicode text"


class _Object(dict[str, Any]):
    """An object as it was parsed, which remembers the keys it had twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        times = Counter(key for key, _ in pairs)
        self.duplicates = [key for key in times if times[key] > 1]


class _Number:
    """A number that cannot be held, as it was written."""

    def __init__(self, text: str) -> None:
        self.text = text


def read_file(file: str) -> str:
    """Return the text of a file.

    Args:
        file: its path.

    Raises:
        InputError: if it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with FilePath(file).open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{file}: cannot be read: {reason}") from error
    if len(content) > LARGEST_FILE:
        raise InputError(f"{file}: larger than {LARGEST_FILE:,} bytes; this is no experiment")
    # Each value costs memory, however few bytes stand for it.
    if sum(map(content.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise InputError(f"{file}: more than {MOST_VALUES:,} values; this is no experiment")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: byte {error.start} is not UTF-8 text") from error


def parse(text: str, path: Path = ()) -> tuple[Any, list[Fault]]:
    """Parse JSON text.

    Args:
        text: the text.
        path: where its value belongs in the experiment.

    Returns:
        The value, and the faults of its content. Where a number or text is faulty its value is
        None; of a key given twice it is the last.

    Raises:
        json.JSONDecodeError: if the text is not JSON at all.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_constant=_Number,
            parse_float=_parse_float,
            parse_int=_parse_int,
        )
    except RecursionError:
        return None, [_too_deep(path)]
    return checked(value, path)


def checked(value: Any, path: Path) -> tuple[Any, list[Fault]]:
    """Return a parsed value without what it must not hold, and the faults.

    Args:
        value: the value.
        path: where it belongs in the experiment.
    """
    faults: list[Fault] = []
    return _checked(value, path, faults), faults


def as_json(value: Any) -> tuple[Any, ...]:
    """Return `(the value as JSON reads it,)`, or `()` where JSON cannot hold it.

    Args:
        value: any value.
    """
    if isinstance(value, list | tuple):
        items = [as_json(item) for item in value]
        return ([item for (item,) in items],) if all(items) else ()
    if isinstance(value, dict):
        pairs = {key: as_json(item) for key, item in value.items()}
        whole = all(isinstance(key, str) and item for key, item in pairs.items())
        return ({key: item for key, (item,) in pairs.items()},) if whole else ()
    if value is None or type(value) in (bool, int, str):
        return (value,)
    return (value,) if type(value) is float and math.isfinite(value) else ()


def _parse_float(text: str) -> float | _Number:
    number = float(text)
    return number if math.isfinite(number) else _Number(text)


def _parse_int(text: str) -> int | _Number:
    # The length first: Python refuses to convert thousands of digits.
    number = int(text) if len(text) <= 20 else LARGEST_INTEGER + 1
    return number if abs(number) <= LARGEST_INTEGER else _Number(text)


def _checked(value: Any, path: Path, faults: list[Fault]) -> Any:
    if len(path) > DEEPEST_NESTING:
        faults.append(_too_deep(path[:1]))
        return None
    if isinstance(value, _Object):
        for key in value.duplicates:
            faults.append(Fault((*path, key), "this key is given twice; allowed once"))
        faults.extend(Fault((*path, key), _NO_TEXT) for key in value if not _is_text(key))
        return {key: _checked(value[key], (*path, key), faults) for key in value if _is_text(key)}
    if isinstance(value, list):
        return [_checked(item, (*path, index), faults) for index, item in enumerate(value)]
    if isinstance(value, _Number):
        text = value.text if len(value.text) <= 60 else value.text[:57] + "..."
        limit = "finite numbers, integers of at most 64 bits"
        faults.append(Fault(path, f"got {text}; allowed {limit}"))
        return None
    if isinstance(value, str) and not _is_text(value):
        faults.append(Fault(path, _NO_TEXT))
        return None
    return value


def _too_deep(path: Path) -> Fault:
    return Fault(path, f"nested too deeply; allowed {DEEPEST_NESTING} levels")


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
