"""Reading the architecture a search has left: arch.h5 or arch.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nnabla_nas.errors import GenotypeError, WeightsError
from nnabla_nas.module.parameter_file import parameter_shapes, read_parameters

_LARGEST_JSON = 10_000_000


def read_genotype(path: str | Path, operations: Mapping[str, Sequence[str]]) -> list[int]:
    """Return the chosen operation of every choice.

    Args:
        path: an `.h5` file of architecture parameters, of which the largest value counts, or an
            arch.json.
        operations: per choice, in order: its path → the names of its candidates. The architecture
            parameter of a choice lies at `<path>/_alpha`.

    Returns:
        One index per choice.

    Raises:
        GenotypeError: if the file is missing, damaged, or of another search space.
    """
    if not Path(path).is_file():
        raise GenotypeError(f"{path}: no such architecture file (network.genotype)")
    if str(path).endswith(".json"):
        return _from_json(Path(path), operations)
    return _from_parameters(path, operations)


def _from_parameters(path: str | Path, operations: Mapping[str, Sequence[str]]) -> list[int]:
    shapes = {f"{choice}/_alpha": (len(names), 1, 1, 1, 1) for choice, names in operations.items()}
    try:
        unknown = sorted(set(parameter_shapes(path)) - set(shapes))
        alphas = read_parameters(path, shapes)
    except WeightsError as error:
        raise GenotypeError(
            [f"{fault}; the file must come from a search of this space" for fault in error.faults]
        ) from error
    if unknown:
        raise GenotypeError(
            f"{path}: '{unknown[0]}' is no choice of this network; network.settings, candidates "
            "and skip_connect must be those of the search"
        )
    for name, alpha in alphas.items():
        if not np.all(np.isfinite(alpha)):
            raise GenotypeError(f"{path}: '{name}' holds values that are not finite")
    return [int(np.argmax(alphas[name])) for name in shapes]


def _from_json(path: Path, operations: Mapping[str, Sequence[str]]) -> list[int]:
    if path.stat().st_size > _LARGEST_JSON:
        raise GenotypeError(f"{path}: larger than any architecture file ({_LARGEST_JSON:,} bytes)")
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
        chosen = {entry["path"]: entry["operation"] for entry in words["choices"]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise GenotypeError(
            f"{path}: not an architecture file: it needs 'choices', a list of objects with 'path' "
            "and 'operation'"
        ) from error
    if list(chosen) != list(operations):
        raise GenotypeError(
            f"{path}: describes {len(chosen)} choices, this network has {len(operations)} or others"
        )
    indices = []
    for choice, names in operations.items():
        if chosen[choice] not in names:
            raise GenotypeError(
                f"{path}: '{choice}' has operation {chosen[choice]!r}; allowed: {', '.join(names)}"
            )
        indices.append(list(names).index(chosen[choice]))
    return indices
