"""Experiments spread over the YAML files of a folder, put together as hydra does.

What a file lists in `defaults` is found in the folder alone: nothing outside of it is opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nnabla_nas.config.dialects.interpolation import interpolated
from nnabla_nas.config.dialects.yaml_text import read_text
from nnabla_nas.config.faults import shown
from nnabla_nas.config.json_text import read_file
from nnabla_nas.errors import InputError, printable

_ROOTS = ("conf", "config", "configs")
_MOST_FILES = 100
_HEADER = re.compile(r"^#\s*@package\s+(\S+)", re.MULTILINE)
_GLOBAL = "_global_"

Package = tuple[str, ...]


def read_yaml(path: str, root: str | None, notes: list[str]) -> dict[str, Any]:
    """Read a YAML file and what its `defaults` list.

    Args:
        path: the file.
        root: the folder of all files; by default the nearest one above the file that is named
            conf, config or configs, else the file's own.
        notes: gets a line about every value that is dropped.

    Returns:
        The values, references to each other resolved.

    Raises:
        InputError: if a file is missing, damaged, or outside of the folder.
    """
    file = Path(path)
    above = next((one for one in file.absolute().parents if one.name in _ROOTS), file.parent)
    folder = _Folder(above if root is None else Path(root))
    values = folder.composed(file, ())
    for key in ("defaults", "hydra"):
        values.pop(key, None)
    return interpolated(values, notes)


class _Folder:
    """The folder of an experiment's files.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._open: list[Path] = []
        self._n_files = 0

    def composed(self, file: Path, package: Package) -> dict[str, Any]:
        """Return a file's content, put where it belongs, on top of what its `defaults` list.

        Args:
            file: the file.
            package: the keys above its content, unless the file itself says where it belongs.
        """
        inside = file.resolve()
        name = printable(str(file))
        if not inside.is_relative_to(self._root):
            raise InputError(f"{name}: outside of the folder {printable(str(self._root))!r}")
        self._n_files += 1
        if inside in self._open or self._n_files > _MOST_FILES:
            raise InputError(f"{name}: its `defaults` lead back to it, or to over a hundred files")
        text = read_file(str(file))
        content = read_text(text, name)
        content = {} if content is None else content
        if not isinstance(content, dict):
            raise InputError(f"{name}: got {shown(content)}; allowed keys with values")
        header = _HEADER.search(text)
        if header is not None:
            package = () if header[1] == _GLOBAL else tuple(header[1].split("."))
        own = _below(package, {key: content[key] for key in content if key != "defaults"})
        self._open.append(inside)
        result: dict[str, Any] = {}
        added = False
        for group, option, below in _entries(content.get("defaults", []), name):
            if option == "_self_":
                result, added = _merged(result, own), True
            else:
                part = self.composed(self._find(group, option, file), (*package, *below))
                result = _merged(result, part)
        self._open.pop()
        return result if added else _merged(result, own)

    def _find(self, group: str, option: str, asking: Path) -> Path:
        """Return the file of an entry: beside the one that asks for it, or from the root on."""
        relative = Path(group.lstrip("/")) / option
        relative = relative.with_name(relative.name.removesuffix(".yaml") + ".yaml")
        places = [self._root] if group.startswith("/") else [asking.parent, self._root]
        for place in places:
            if (place / relative).is_file():
                return place / relative
        raise InputError(
            f"{printable(str(asking))}: defaults: there is no {printable(str(relative))!r} in "
            f"{printable(str(self._root))!r} (--config-dir names the folder of all files)"
        )


def _entries(listed: Any, name: str) -> Iterator[tuple[str, str, Package]]:
    """Yield group, option and package of each entry of `defaults`."""
    if not isinstance(listed, list):
        raise InputError(f"{name}: defaults: got {shown(listed)}; allowed a list")
    for entry in listed:
        if isinstance(entry, str):
            group, _, option = entry.rpartition("/")
            yield ("/" if entry.startswith("/") else "") + group.strip("/"), option, _package(group)
            continue
        pairs = list(entry.items()) if isinstance(entry, dict) else []
        option = pairs[0][1] if len(pairs) == 1 else entry
        chosen = option if isinstance(option, list) else [option]
        if len(pairs) != 1 or not all(one is None or isinstance(one, str) for one in chosen):
            raise InputError(
                f"{name}: defaults: got {shown(entry)}; allowed `GROUP: FILE`, a file or _self_"
            )
        words = str(pairs[0][0]).split()
        for name_of_file in filter(None, chosen):
            if words and words[-1] != "hydra":
                group, _, package = words[-1].partition("@")
                yield group, name_of_file, _package(package.replace(".", "/") or group)


def _package(group: str) -> Package:
    return tuple(part for part in group.split("/") if part and part not in (_GLOBAL, "_here_"))


def _below(package: Package, content: dict[str, Any]) -> dict[str, Any]:
    for key in reversed(package):
        content = {key: content}
    return content


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return both; where both have a value the second's counts, objects are merged."""
    result = dict(first)
    for key, value in second.items():
        before = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return result
