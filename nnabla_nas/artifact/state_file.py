"""A tree of plain data and arrays as two files: JSON, and NumPy's archive for the arrays."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

ARRAYS = "arrays.npz"
TREE = "state.json"
_ARRAY = "__array__"


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Write a state dictionary into a folder and wait until it is on the disk.

    Args:
        folder: an existing folder.
        state: nested dictionaries with string keys, lists, plain data and arrays.

    Raises:
        OSError: if it cannot be written.
        TypeError: if it holds anything else.
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    tree = _take_arrays(state, arrays)
    with (folder / ARRAYS).open("wb") as file:
        np.savez(file, **arrays)
        _sync(file)
    with (folder / TREE).open("w", encoding="utf-8") as text:
        json.dump(tree, text)
        _sync(text)


def read_state(folder: Path) -> dict[str, Any]:
    """Read what `write_state` wrote.

    Args:
        folder: the folder.

    Raises:
        OSError: if a file is missing or cannot be read.
        ValueError: if the contents are not those of a state.
    """
    try:
        tree = json.loads((folder / TREE).read_text(encoding="utf-8"))
        with np.load(folder / ARRAYS, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        state = _put_arrays(tree, arrays)
    except (KeyError, RecursionError, zipfile.BadZipFile) as error:
        raise ValueError(f"{folder}: not a state ({error})") from error
    if not isinstance(state, dict):
        raise ValueError(f"{folder}: not a state")
    return state


def _take_arrays(value: Any, arrays: dict[str, np.ndarray[Any, Any]], path: str = "") -> Any:
    """Return the value with names in the place of arrays, which are collected."""
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {_ARRAY: name}
    if isinstance(value, dict):
        return {k: _take_arrays(item, arrays, f"{path}[{k!r}]") for k, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_take_arrays(item, arrays, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, np.generic):
        return value.item()
    if value is not None and not isinstance(value, (str, int, float)):
        kind = type(value).__name__
        raise TypeError(f"state_dict(){path} is a {kind}; a state holds plain data and arrays")
    return value


def _put_arrays(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {key: _put_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_put_arrays(item, arrays) for item in value]
    return value


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
