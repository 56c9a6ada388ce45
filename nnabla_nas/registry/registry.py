"""Names of one kind of thing and the classes they stand for."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from nnabla_nas.errors import InputError

_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[^\s:]+")

T = TypeVar("T")


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest allowed name, or an empty string.

    Args:
        name: what was got.
        allowed: what would have been right.
    """
    lowered = {candidate.lower(): candidate for candidate in allowed}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""


@dataclass(frozen=True)
class Entry:
    """One registered name.

    Args:
        name: the public name.
        summary: one line for listings.
        target: the class, or its place as `module:attribute`.
        searches: for runners: whether it searches (True) or trains (False).
        phases: for runners: entries of `optimizer` it learns by; None: as its kind usually does.
    """

    name: str
    summary: str
    target: Any
    searches: bool = False
    phases: tuple[str, ...] | None = None

    def load(self) -> Any:
        """Import and return what the name stands for."""
        if not isinstance(self.target, str):
            return self.target
        module, attribute = self.target.split(":")
        return getattr(importlib.import_module(module), attribute)


class Registry:
    """Names of one kind of thing and the classes they stand for.

    Args:
        kind: what the names stand for, as messages call it, for example `search space`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def declare(
        self,
        name: str,
        target: str,
        summary: str,
        searches: bool = False,
        phases: tuple[str, ...] | None = None,
    ) -> None:
        """Add a name whose class is imported on first use.

        Args:
            name: the public name.
            target: the place of the class, `module:attribute`.
            summary: one line for listings.
            searches: for runners: whether it searches.
            phases: for runners: entries of `optimizer` it learns by.
        """
        self._entries[name] = Entry(name, summary, target, searches, phases)

    def register(self, name: str) -> Callable[[T], T]:
        """Return a class decorator that adds the class under `name`.

        Args:
            name: the public name; a name that is taken raises ValueError.
        """

        def add(target: T) -> T:
            if name in self._entries and self._entries[name].target is not target:
                raise ValueError(f"a {self.kind} named '{name}' is registered already")
            lines = (getattr(target, "__doc__", None) or "").strip().splitlines()
            searches = bool(getattr(target, "searches", False))
            phases = getattr(target, "phases", None)
            summary = lines[0] if lines else ""
            self._entries[name] = Entry(name, summary, target, searches, phases)
            return target

        return add

    def names(self) -> list[str]:
        """Return the registered names, sorted."""
        return sorted(self._entries)

    def fault(self, name: str) -> str | None:
        """Return what is wrong with a name, or None; imports nothing.

        Args:
            name: a registered name, or `package.module:name`, which is only checked for its form.
        """
        if name in self._entries or _IMPORT_PATH.fullmatch(name):
            return None
        known = ", ".join(self.names())
        return f"unknown {self.kind} '{name}'; allowed: {known}{did_you_mean(name, self.names())}"

    def entry(self, name: str) -> Entry:
        """Return the entry of a name, importing the module of `package.module:name` first.

        Args:
            name: a registered name or `package.module:name`.

        Returns:
            The entry.

        Raises:
            InputError: if nothing is registered under the name.
        """
        if name not in self._entries and _IMPORT_PATH.fullmatch(name):
            module, name = name.split(":")
            try:
                importlib.import_module(module)
            except (ImportError, SystemExit) as error:
                if isinstance(error, SystemExit):
                    raise InputError(
                        f"cannot import '{module}' for {self.kind} '{name}': it ends the program"
                    ) from error
                raise InputError(
                    f"cannot import '{module}' for {self.kind} '{name}': {error} (is its folder "
                    "on PYTHONPATH?)"
                ) from error
        fault = self.fault(name)
        if fault is not None:
            raise InputError(fault)
        return self._entries[name]

    def get(self, name: str) -> Any:
        """Return the class a name stands for, importing it on first use.

        Args:
            name: a registered name or `package.module:name`.

        Raises:
            InputError: if nothing is registered under the name.
        """
        return self.entry(name).load()
