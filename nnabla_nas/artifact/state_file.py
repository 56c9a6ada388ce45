"""A tree of plain data and arrays as two files: JSON, and NumPy's archive for the arrays."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nnabla_nas.integrity import read_regular

ARRAYS = "arrays.npz"
TREE = "state.json"
_ARRAY = "__array__"
_LARGEST_TREE = 64_000_000


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
        _write_arrays(file, arrays)
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
        tree = read_tree(folder / TREE)
        state: dict[str, Any] = _put_arrays(tree, _read_arrays(folder / ARRAYS))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{folder}: not a state ({error})") from error
    return state


def read_tree(path: Path) -> dict[str, Any]:
    """Read a JSON object that nobody vouches for.

    Args:
        path: the file.

    Raises:
        OSError: if it is missing or cannot be read.
        ValueError: if it is too large or not a JSON object.
    """
    try:
        tree = json.loads(read_regular(path, _LARGEST_TREE))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(tree, dict):
        raise ValueError(f"{path} is damaged: not a JSON object")
    return tree


def _read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read an archive whose headers ask for no more memory than its own bytes."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _check_size(archive, member)
        with np.load(path, allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _write_arrays(file: BinaryIO, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write what `numpy.savez` writes, and leave nothing open where the disk is full."""
    formats: Any = np.lib.format
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                formats.write_array(member, np.asanyarray(array), allow_pickle=False)


def _check_size(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse an array that is packed, holds objects, or is declared larger than it is."""
    formats: Any = np.lib.format
    with archive.open(member) as stream:
        version = formats.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"{archive.filename}: {member.filename} has an unknown header")
        shape, _, dtype = formats.read_array_header_1_0(stream)
        size = stream.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject or member.compress_type != zipfile.ZIP_STORED or size != member.file_size:
        raise ValueError(f"{archive.filename}: {member.filename} is not what it is declared to be")


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
