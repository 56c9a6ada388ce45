"""References between the values of hydra's files: `${optimizer.train.lr}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nnabla_nas.errors import InputError

_REFERENCE = re.compile(r"\$\{([^${}]*)\}")
_PATH = re.compile(r"\w+(\.\w+)*")
_MISSING = "???"
_DEEPEST = 10
_LONGEST = 4096


def interpolated(values: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return values with every reference to another one replaced by what it stands for.

    Args:
        values: the values, put together.
        notes: gets a line about each that is dropped because hydra works it out when it starts.

    Raises:
        InputError: if a reference leads nowhere or in a circle, or a value is left to be given.
    """
    return _Resolver(values, notes).inside(values, ())


class _Resolver:
    def __init__(self, root: dict[str, Any], notes: list[str]) -> None:
        self._root, self._notes = root, notes

    def inside(self, values: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        """Return an object with its references replaced.

        Args:
            values: the object.
            path: the keys that lead to it.
        """
        result = {}
        for key, value in values.items():
            place = (*path, str(key))
            if isinstance(value, dict):
                result[key] = self.inside(value, place)
            elif _is_dynamic(value):
                self._notes.append(f"{'.'.join(place)}: dropped; hydra works {value!r} out")
            else:
                result[key] = self._value(value, ".".join(place), 0)
        return result

    def _value(self, value: Any, path: str, depth: int) -> Any:
        if isinstance(value, list):
            return [self._value(item, path, depth) for item in value]
        if not isinstance(value, str):
            return value
        if value == _MISSING:
            raise InputError(f"{path}: is left to be given (???); write a value there")
        if depth > _DEEPEST or len(value) > _LONGEST:
            raise InputError(f"{path}: its references lead in a circle")
        whole = _REFERENCE.fullmatch(value)
        if whole is not None:
            return self._value(self._target(whole[1], path), path, depth + 1)
        if _REFERENCE.search(value) is None:
            return value
        text = _REFERENCE.sub(lambda one: str(self._target(one[1], path)), value)
        return self._value(text, path, depth + 1)

    def _target(self, reference: str, path: str) -> Any:
        found: Any = self._root
        for key in reference.strip().split("."):
            if not isinstance(found, Mapping) or key not in found:
                raise InputError(f"{path}: '${{{reference}}}' refers to nothing")
            found = found[key]
        if isinstance(found, dict):
            raise InputError(f"{path}: '${{{reference}}}' refers to a whole object")
        return found


def _is_dynamic(value: Any) -> bool:
    """Return whether a text asks hydra for something, such as the time of the start."""
    if not isinstance(value, str):
        return False
    return any(_PATH.fullmatch(one.strip()) is None for one in _REFERENCE.findall(value))
