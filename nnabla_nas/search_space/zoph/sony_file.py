"""Parameter files of Sony's nnabla-nas, where the parameters of a zoph network have other names.

Layers that stand for themselves there are modules of one module here, so that the first block of
the first cell is `7/6` there and `3/2` here. The order is the same, and the last part of a path: by
these, and by the shapes, one is known from the other. Two convolutions of the stem and that of the
head have a bias there, which the batch normalisation behind them makes superfluous.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from nnabla_nas.errors import GenotypeError, WeightsError
from nnabla_nas.module.choice import most_probable
from nnabla_nas.module.parameter_file import parameter_shapes, read_parameters

Shapes = Mapping[str, tuple[int, ...]]
Arrays = dict[str, np.ndarray]

_ALPHA, _WEIGHT, _BIAS, _MEAN, _VARIANCE = "_join_parameters", "_W", "_b", "_mean", "_var"
# Where the first cell stands: nothing else of a network here, or there, begins with the number.
_OUR_CELL, _THEIR_CELL = "3/", "7/"


def leaf(path: str) -> str:
    """Return the last part of a parameter's path.

    Args:
        path: the path.
    """
    return path.rpartition("/")[2]


def holds_weights(path: str | Path) -> bool:
    """Return whether a parameter file holds a network's weights, not its architecture alone.

    Args:
        path: the file; one that is missing or damaged holds none.
    """
    return any(leaf(name) == _WEIGHT for name in _names(path))


def holds_architecture(path: str | Path) -> bool:
    """Return whether a parameter file holds the architecture parameters of a zoph network.

    Args:
        path: the file; one that is missing or damaged holds none.
    """
    return any(leaf(name) == _ALPHA for name in _names(path))


def is_of_sony(path: str | Path) -> bool:
    """Return whether a parameter file of a zoph network has the names of Sony's nnabla-nas.

    Args:
        path: the file; one that is missing or damaged has not.
    """
    names = _names(path)
    theirs = any(name.startswith(_THEIR_CELL) for name in names)
    return theirs and not any(name.startswith(_OUR_CELL) for name in names)


def _names(path: str | Path) -> list[str]:
    if not (str(path).endswith(".h5") and Path(path).is_file()):
        return []
    try:
        return list(parameter_shapes(path))
    except WeightsError:
        # Whoever reads it says what is wrong.
        return []


def alpha_names(path: str | Path, n_candidates: int, depths: Sequence[int]) -> list[str]:
    """Return their names of the architecture parameters, block by block.

    Args:
        path: the file.
        n_candidates: operations a block chooses from.
        depths: blocks of each cell.

    Raises:
        GenotypeError: if the file is of another network.
    """
    shapes = parameter_shapes(path)
    named = [name for name in shapes if leaf(name) == _ALPHA]
    names = named or list(shapes)
    cells = [len(list(blocks)) for _, blocks in groupby(names, lambda name: name.split("/")[0])]
    if cells != list(depths):
        raise GenotypeError(
            f"{path}: its cells have {cells} choices, those of this network {list(depths)}; the "
            "network's arguments must be those of the search"
        )
    for name in names:
        if shapes[name] != (n_candidates,):
            raise GenotypeError(
                f"{path}: '{name}' has shape {shapes[name]}; expected {(n_candidates,)}"
            )
    return names


def read_architecture(path: str | Path, n_candidates: int, depths: Sequence[int]) -> list[int]:
    """Return the chosen operation of every block.

    Args:
        path: a file of theirs.
        n_candidates: operations a block chooses from.
        depths: blocks of each cell.

    Raises:
        GenotypeError: if the file is of another network, or holds values that are not finite.
    """
    names = alpha_names(path, n_candidates, depths)
    try:
        alphas = read_parameters(path, dict.fromkeys(names, (n_candidates,)))
    except WeightsError as error:
        raise GenotypeError(error.faults) from error
    return [most_probable(alphas[name]) for name in names]


def aligned(path: str | Path, ours: Shapes) -> dict[str, str | None]:
    """Return our name of every weight of theirs; None for a bias that is superfluous here.

    Args:
        path: a file of theirs.
        ours: name → shape of our weights, in order.

    Raises:
        WeightsError: if the file is of another network.
    """
    theirs = {name: s for name, s in parameter_shapes(path).items() if leaf(name) != _ALPHA}
    waiting = list(ours.items())
    pairs: dict[str, str | None] = {}
    for name, shape in theirs.items():
        own, own_shape = waiting[0] if waiting else ("", ())
        if leaf(name) == _BIAS and leaf(own) != _BIAS:
            if own_shape != (1, *shape, 1, 1):
                raise WeightsError(f"{path}: '{name}' is a bias that '{own}' cannot make good")
            pairs[name] = None
            continue
        if not waiting:
            raise WeightsError(f"{path}: '{name}' is no parameter of this network")
        if leaf(name) != leaf(own) or shape != own_shape:
            raise WeightsError(
                f"{path}: '{name}' has shape {shape}; expected {own_shape}, as of '{own}' here"
            )
        pairs[name] = own
        waiting.pop(0)
    if waiting:
        raise WeightsError(f"{path}: ends before what is '{waiting[0][0]}' here")
    return pairs


def read_weights(path: str | Path, ours: Shapes) -> Arrays:
    """Return the weights of a file by our names.

    Args:
        path: a file of theirs.
        ours: name → shape of our weights, in order.

    Returns:
        name → array. A bias that is not here is taken off the mean that normalisation subtracts.

    Raises:
        WeightsError: if the file is of another network.
    """
    pairs = aligned(path, ours)
    shapes = parameter_shapes(path)
    arrays = read_parameters(path, {name: shapes[name] for name in pairs})
    found: Arrays = {}
    bias: np.ndarray | None = None
    for name, own in pairs.items():
        if own is None:
            bias = arrays[name].reshape(1, -1, 1, 1)
            continue
        found[own] = arrays[name]
        if bias is not None and leaf(own) == _MEAN:
            found[own] = arrays[name] - bias
            bias = None
    return found


def n_normalisations(names: Sequence[str]) -> int:
    """Return how many layers of batch normalisation parameters belong to.

    Args:
        names: their paths.
    """
    return sum(leaf(name) == _VARIANCE for name in names)
