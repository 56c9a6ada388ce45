"""Faults of an experiment, each one line that names its source, its key, the value and a remedy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nnabla_nas.errors import InputError, printable

_LONGEST_VALUE = 60

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an experiment.

    Args:
        path: the keys and list indices that lead to the value; empty for the whole file.
        text: what was got and what is allowed.
        related: paths of others that take part in the fault; it is blamed on the first of
            `path` and these that was given on the command line.
    """

    path: Path
    text: str
    related: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Sources:
    """Where each value of an experiment came from.

    Args:
        file: the experiment's file, as messages call it.
        given: the flag that set a value, by the value's path; indices are written as text.
    """

    file: str = "experiment"
    given: Mapping[tuple[str, ...], str] = field(default_factory=dict)

    def of(self, fault: Fault) -> str:
        """Return the flag or else the file that a fault came from.

        Args:
            fault: the fault.
        """
        for keys in (fault.path, *fault.related):
            path = tuple(str(key) for key in keys)
            for length in range(len(path), 0, -1):
                flag = self.given.get(path[:length])
                if flag is not None:
                    return flag
        return self.file

    def lines(self, faults: Iterable[Fault]) -> list[str]:
        """Return one line per fault, in order, the first of those that share a path.

        Args:
            faults: the faults.
        """
        first: dict[Path, str] = {}
        for fault in faults:
            where = [printable(self.of(fault))]
            if fault.path:
                where.append(shown_path(fault.path))
            line = ": ".join([*where, fault.text])
            first.setdefault(fault.path or (line,), line)
        return list(first.values())

    def check(self, faults: Iterable[Fault]) -> None:
        """Raise the faults, if there are any.

        Args:
            faults: the faults.

        Raises:
            InputError: with one line per fault.
        """
        lines = self.lines(faults)
        if lines:
            raise InputError(lines)


def faults_of(error: InputError, path: Path) -> list[Fault]:
    """Return the faults of an error raised by a part of the experiment.

    Args:
        error: the error; lines that begin with `KEY.PATH: ` name the key themselves.
        path: the path of the part, for the other lines.
    """
    faults = []
    for line in error.faults:
        key, _, text = line.partition(": ")
        keys = tuple(key.split("."))
        known = bool(text) and keys[:1] == path[:1]
        faults.append(Fault(keys, text) if known else Fault(path, line))
    return faults


def got(value: Any, allowed: str) -> str:
    """Return `got VALUE; allowed ALLOWED`.

    Args:
        value: what was got.
        allowed: what would have been right.
    """
    return f"got {shown(value)}; allowed {allowed}"


def shown(value: Any) -> str:
    """Return a value as it is written in JSON, on one line and at most 60 characters long.

    Args:
        value: any value; a part of an experiment is shown in its JSON form, what else JSON cannot
            hold as Python writes it.
    """
    to_json = getattr(value, "to_json", None)
    try:
        value = value if to_json is None else to_json()
        text = json.dumps(value, ensure_ascii=False)
        text = text if text.isprintable() else json.dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return _shortened(printable(text))


def shown_path(path: Path) -> str:
    """Return a path with dots between its keys.

    Args:
        path: keys and list indices.
    """
    return ".".join(_shortened(printable(str(key))) for key in path)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."
