"""Reading and writing nnabla parameter files (`.h5`) without trusting them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import h5py
import nnabla as nn
import numpy as np

from nnabla_nas.errors import NotFiniteError, WeightsError
from nnabla_nas.integrity import check_sums, open_regular
from nnabla_nas.module.chunks import check_chunks, fits

_DEEPEST = 30
_TYPES = tuple(map(np.dtype, ("<f4", "<f2", "<f8", ">f4", ">f2", ">f8")))
# What h5py raises for a file whose bytes are damaged, besides what its documentation says.
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError)


def write_parameters(path: str | Path, parameters: Mapping[str, nn.Variable]) -> None:
    """Write parameters in the given order.

    Args:
        path: the file, ending in `.h5`.
        parameters: path → variable.
    """
    for parameter in parameters.values():
        # An array keeps the type it was last set with; the file holds float32.
        parameter.data.cast(np.float32)
    # Into memory first: HDF5 does not survive a disk that fills up while it writes.
    content = BytesIO()
    nn.save_parameters(content, dict(parameters), extension=".h5")
    Path(path).write_bytes(content.getvalue())


def parameter_shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Return the paths and shapes in a file, in the file's order, without reading the arrays.

    Args:
        path: the file.

    Raises:
        WeightsError: if it is missing, is no HDF5 file, or holds links or what are no floats.
    """
    try:
        with _opened(path) as file:
            shapes = {name: dataset.shape for name, dataset in _datasets(file, str(path)).items()}
    except _DAMAGE as error:
        raise _unreadable(path, error) from error
    return shapes


def read_parameters(
    path: str | Path,
    shapes: Mapping[str, tuple[int, ...]],
    raise_if_missing: bool = True,
) -> dict[str, np.ndarray]:
    """Read the arrays that are asked for; shapes are compared before anything is allocated.

    Arrays of 16 and 64 bits are converted.

    Args:
        path: the file.
        shapes: path → expected shape.
        raise_if_missing: whether a path that is not in the file is an error.

    Returns:
        path → float32 array.

    Raises:
        WeightsError: if the file is missing, damaged, holds links, or does not fit the shapes.
        NotFiniteError: if a value is not finite in float32.
        DamagedError: if it has changed since the run that wrote it ended.
    """
    check_sums([path])
    try:
        with _opened(path) as file:
            found = _datasets(file, str(path))
            arrays = {}
            for name, shape in shapes.items():
                if name not in found:
                    if raise_if_missing:
                        raise WeightsError(f"{path}: no parameter '{name}' in this file")
                    continue
                if found[name].shape != tuple(shape):
                    raise WeightsError(
                        f"{path}: '{name}' has shape {found[name].shape}; expected {tuple(shape)}"
                    )
                check_chunks(found[name])
                with np.errstate(over="ignore"):
                    arrays[name] = np.asarray(found[name][...], dtype=np.float32)
                if not np.isfinite(arrays[name]).all():
                    raise NotFiniteError(f"{path}: '{name}' holds values that are not finite")
    except _DAMAGE as error:
        raise _unreadable(path, error) from error
    return arrays


@contextmanager
def _opened(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file that is a regular one."""
    with open_regular(path), h5py.File(path, "r") as file:
        yield file


def _datasets(file: h5py.File, path: str) -> dict[str, h5py.Dataset]:
    """Return every data set of a file by path, ordered by nnabla's `index` attribute."""
    found = _below(file, path, "", set())
    return dict(sorted(found.items(), key=lambda item: int(item[1].attrs.get("index", 0))))


def _below(group: h5py.Group, path: str, prefix: str, seen: set[int]) -> dict[str, h5py.Dataset]:
    """Return every data set below a group; hard links must not lead to an object twice."""
    found: dict[str, h5py.Dataset] = {}
    seen.add(h5py.h5o.get_info(group.id).addr)
    for name in group:
        full_name = f"{prefix}{name}"
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise WeightsError(f"{path}: '{full_name}' is a link; only plain data is read")
        item = group[name]
        if h5py.h5o.get_info(item.id).addr in seen:
            raise WeightsError(f"{path}: '{full_name}' is a second link to what was read already")
        if isinstance(item, h5py.Group):
            if prefix.count("/") > _DEEPEST:
                raise WeightsError(f"{path}: groups are nested too deep at '{full_name}'")
            found.update(_below(item, path, f"{full_name}/", seen))
        elif isinstance(item, h5py.Dataset) and _holds_numbers(item):
            seen.add(h5py.h5o.get_info(item.id).addr)
            found[full_name] = item
        else:
            raise WeightsError(f"{path}: '{full_name}' does not hold floating-point numbers")
    return found


def _holds_numbers(item: h5py.Dataset) -> bool:
    """Return whether a data set holds floats, in this file and in chunks of its size."""
    return item.dtype in _TYPES and not item.external and not item.is_virtual and fits(item)


def _unreadable(path: str | Path, error: Exception) -> WeightsError:
    if not Path(path).exists():
        return WeightsError(f"{path}: no such file")
    return WeightsError(f"{path}: not a readable HDF5 file ({' '.join(str(error).split())[:200]})")
