"""The constructor arguments of the zoph networks: what names stand for, and what makes sense."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nnabla_nas.registry import did_you_mean
from nnabla_nas.search_space.zoph.cells import ZophCell
from nnabla_nas.search_space.zoph.operations import ZOPH_CANDIDATES

CELLS: Mapping[str, Callable[..., Any]] = {"ZophCell": ZophCell}
CANDIDATES: Mapping[str, Callable[..., Any]] = {one.__name__: one for one in ZOPH_CANDIDATES}

Faults = list[tuple[str, str]]

_MOST_BLOCKS = 200


def classes(
    known: Mapping[str, Callable[..., Any]], given: Sequence[Any]
) -> list[Callable[..., Any]]:
    """Return the classes that names stand for; classes stand for themselves.

    Args:
        known: class by name.
        given: names or classes.

    Raises:
        ValueError: for an unknown name.
    """
    for one in given:
        if isinstance(one, str) and one not in known:
            raise ValueError(f"unknown '{one}'; allowed: {', '.join(known)}")
    return [known[one] if isinstance(one, str) else one for one in given]


def argument_faults(arguments: dict[str, Any]) -> Faults:
    """Return (argument, what is wrong) for values no network can be built from.

    Args:
        arguments: the constructor's arguments, already of the right types.
    """
    faults = _name_faults("cells", arguments.get("cells", ["ZophCell"]), CELLS, repeated=True)
    faults += _name_faults(
        "candidates", arguments.get("candidates", list(CANDIDATES)), CANDIDATES, repeated=False
    )
    faults += _length_faults(arguments)
    for name in ("n_classes", "stem_channels"):
        if arguments.get(name, 1) < 1:
            faults.append((name, f"got {arguments[name]}; allowed: 1 or more"))
    for name in ("input_shape", "cell_depth", "cell_channels"):
        faults += [
            (f"{name}.{index}", f"got {value}; allowed: 1 or more")
            for index, value in enumerate(arguments.get(name, ()))
            if value < 1
        ]
    smoothing = arguments.get("label_smoothing", 0)
    if not 0 <= smoothing < 1:
        faults.append(("label_smoothing", f"got {smoothing}; allowed: from 0 to below 1"))
    return faults


def source_faults(arguments: dict[str, Any]) -> Faults:
    """Return (argument, what is wrong) where a network to train has two architectures.

    Args:
        arguments: the constructor's arguments.
    """
    param_path, genotype = arguments.get("param_path"), arguments.get("genotype")
    if None not in (param_path, genotype) and param_path != genotype:
        text = f"got '{genotype}'; allowed: what param_path, of which it is another name, says"
        return [("genotype", text)]
    if arguments.get("random_init"):
        for name in ("param_path", "genotype", "join_parameters"):
            if arguments.get(name) is not None:
                return [("random_init", f"got true; allowed: false where {name} is given")]
    return []


def _name_faults(
    key: str, given: Sequence[Any], known: Mapping[str, Any], repeated: bool
) -> Faults:
    allowed = ", ".join(known)
    if not given:
        return [(key, f"got []; allowed: some of {allowed}")]
    faults = []
    for index, one in enumerate(given):
        if isinstance(one, str) and one not in known:
            text = f"got '{one}'; allowed: {allowed}{did_you_mean(one, known)}"
            faults.append((f"{key}.{index}", text))
        elif not isinstance(one, str) and not callable(one):
            faults.append((f"{key}.{index}", f"got {one!r}; allowed: {allowed}"))
        elif one in given[:index] and not repeated:
            faults.append((f"{key}.{index}", f"got '{one}' twice; allowed: each once"))
    return faults


def _length_faults(arguments: dict[str, Any]) -> Faults:
    n_cells = len(arguments.get("cells", ()))
    faults = [
        (name, f"has {len(arguments[name])} values; allowed: one for each of the {n_cells} cells")
        for name in ("cell_depth", "cell_channels", "reducing")
        if len(arguments.get(name, ())) != n_cells
    ]
    depths = arguments.get("cell_depth", ())
    if sum(depths) > _MOST_BLOCKS:
        faults.append(("cell_depth", f"got {sum(depths)} in all; allowed: up to {_MOST_BLOCKS}"))
    parameters = arguments.get("join_parameters")
    if parameters is not None and list(map(len, parameters)) != list(arguments["cell_depth"]):
        faults.append(("join_parameters", "allowed: one for each block of each cell, or null"))
    return faults
