"""Values that the command line puts into an experiment: `--set` and the flags."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nnabla_nas.config.faults import Fault, got, shown
from nnabla_nas.config.json_text import DEEPEST_NESTING, checked, parse

SET_FLAG = "-x/--set"
FLAG_NAMES = {
    "algorithm": "-a/--algorithm",
    "search": "-s/--search",
    "output_path": "-o/--output-path",
    "context": "-c/--context",
    "device_id": "-d/--device-id",
    "type_config": "-t/--type-config",
    "seed": "--seed",
    "threads": "--threads",
}


def apply_command_line(
    values: dict[str, Any], flags: Mapping[str, Any], overrides: Sequence[str]
) -> tuple[dict[tuple[str, ...], str], list[Fault]]:
    """Write the command line's values over the file's, in place; flags win over `--set`.

    Args:
        values: the file's values.
        flags: the value of each flag that was given, by key.
        overrides: `KEY=VALUE` texts.

    Returns:
        Which flag set the value at each path, and the faults.
    """
    given: dict[tuple[str, ...], str] = {}
    faults: list[Fault] = []
    # Before and after: `-x algorithm.KEY=VALUE` is meant for the algorithm that -a names.
    _apply_flags(values, flags)
    for text in overrides:
        path, value, wrong = _override(text)
        wrong = wrong or _write(values, path, value)
        faults += wrong
        for place in (path, *(tuple(map(str, fault.path)) for fault in wrong)):
            given[place] = SET_FLAG
    _apply_flags(values, flags)
    for key in flags:
        given = {path: flag for path, flag in given.items() if path != (key,)}
        given[(key,)] = FLAG_NAMES[key]
    return given, faults


def _apply_flags(values: dict[str, Any], flags: Mapping[str, Any]) -> None:
    for key, value in flags.items():
        current = values.get(key)
        if key != "algorithm" or not isinstance(current, dict):
            values[key] = value
        elif current.get("name", value) == value:
            values[key] = {**current, "name": value}
        else:
            values[key] = value


def _override(text: str) -> tuple[tuple[str, ...], Any, list[Fault]]:
    key, equals, written = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        return (text,), None, [Fault((text,), "allowed KEY=VALUE, for example epoch=2")]
    _, faults = checked(key, (key,))
    if faults:
        return (key,), None, faults
    if len(path) > DEEPEST_NESTING:
        return path, None, [Fault(path[:1], f"allowed at most {DEEPEST_NESTING} levels of keys")]
    try:
        value, faults = parse(written, path)
    except json.JSONDecodeError as error:
        if written.lstrip().startswith(("{", "[", '"')):
            problem = f"{error.msg} at column {error.colno}"
            return path, None, [Fault(path, got(written, f"JSON ({problem})"))]
        value, faults = checked(written, path)
    return path, value, faults


def _write(values: dict[str, Any], path: tuple[str, ...], value: Any) -> list[Fault]:
    """Set the value at `path`; a name on the way becomes the object form of that name."""
    place: Any = values
    for depth, part in enumerate(path):
        key: Any = part
        if isinstance(place, list):
            key = _index(part, len(place))
        if key is None or not isinstance(place, dict | list):
            allowed = f"a value with an entry {shown(part)}"
            return [Fault(path[:depth], got(place, allowed))]
        if depth == len(path) - 1:
            place[key] = value
            break
        child = place.get(key) if isinstance(place, dict) else place[key]
        if child is None or isinstance(child, str):
            child = {"name": child} if isinstance(child, str) else {}
            place[key] = child
        place = child
    return []


def _index(part: str, length: int) -> int | None:
    text = str(part)
    index = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else length
    return index if index < length else None
