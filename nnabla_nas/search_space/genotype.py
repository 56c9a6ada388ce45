"""Architectures as lists of choices: read from arch.h5 or arch.json, drawn, put into words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnabla_nas import random
from nnabla_nas.errors import GenotypeError, WeightsError
from nnabla_nas.integrity import check_sums, read_regular
from nnabla_nas.module.choice import most_probable
from nnabla_nas.module.parameter_file import parameter_shapes, read_parameters

_LARGEST_JSON = 10_000_000


def read_genotype(
    path: str | Path,
    operations: Mapping[str, Sequence[str]],
    alphas: Mapping[str, tuple[int, ...]] | None = None,
) -> list[int]:
    """Return the chosen operation of every choice.

    Args:
        path: an `.h5` file of architecture parameters, of which the largest value counts, or an
            arch.json.
        operations: per choice, in order: its path → the names of its candidates.
        alphas: per choice, in order: path → shape of its architecture parameter; by default
            (candidates, 1, 1, 1, 1) at `<path of the choice>/_alpha`.

    Returns:
        One index per choice.

    Raises:
        GenotypeError: if the file is missing, damaged, or of another search space.
    """
    if not Path(path).is_file():
        raise GenotypeError(f"{path}: no such architecture file")
    if str(path).endswith(".json"):
        return _from_json(Path(path), operations)
    if alphas is None:
        alphas = {f"{one}/_alpha": (len(names), 1, 1, 1, 1) for one, names in operations.items()}
    return [most_probable(alpha) for alpha in read_alphas(path, alphas).values()]


def random_architecture(operations: Mapping[str, Sequence[str]]) -> list[int]:
    """Draw one candidate of every choice, all equally probable, from the run's seed.

    Args:
        operations: per choice, in order: its path → the names of its candidates.
    """
    stream = random.current().stream("architecture")
    return [int(stream.integers(len(names))) for names in operations.values()]


def architecture_in_words(
    operations: Mapping[str, Sequence[str]], indices: Sequence[int]
) -> dict[str, Any]:
    """Return a fixed architecture as arch.json holds it.

    Args:
        operations: per choice, in order: its path → the names of its candidates.
        indices: the chosen candidate of every choice.
    """
    chosen = zip(operations.items(), indices, strict=True)
    return {
        "choices": [
            {"path": path, "operation": names[index], "index": index}
            for (path, names), index in chosen
        ]
    }


def read_alphas(path: str | Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return the architecture parameters in a file that holds exactly these.

    Args:
        path: an `.h5` file.
        shapes: path → shape of every architecture parameter.

    Raises:
        GenotypeError: if the file is damaged, one is missing, not finite or of another shape, or
            there are others.
        DamagedError: if the file has changed since the run that wrote it ended.
    """
    try:
        unknown = sorted(set(parameter_shapes(path)) - set(shapes))
        if any(name.endswith("/_W") for name in unknown):
            raise GenotypeError(
                f"{path}: holds weights, which network.weights takes; an architecture is in the "
                "arch.h5 or arch.json of a search"
            )
        alphas = read_parameters(path, shapes)
    except WeightsError as error:
        raise not_of_this_space(error) from error
    if unknown:
        raise GenotypeError(
            f"{path}: '{unknown[0]}' is no choice of this network; the network's arguments must "
            "be those of the search"
        )
    return alphas


def not_of_this_space(error: WeightsError) -> GenotypeError:
    """Return the error of a parameter file as one of an architecture file.

    Args:
        error: what reading raised.
    """
    return GenotypeError(
        [f"{fault}; the file must come from a search of this space" for fault in error.faults]
    )


def read_words(path: str | Path) -> Any:
    """Return the content of an arch.json, whatever it is.

    Args:
        path: the file.

    Raises:
        GenotypeError: if it is too large or no JSON.
        DamagedError: if it has changed since the run that wrote it ended.
    """
    check_sums([path])
    try:
        content = read_regular(path, _LARGEST_JSON)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or f"larger than {_LARGEST_JSON:,} bytes"
        raise GenotypeError(f"{path}: not an architecture file: {reason}") from error
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise GenotypeError(f"{path}: not an architecture file: it is no JSON") from error


def _from_json(path: Path, operations: Mapping[str, Sequence[str]]) -> list[int]:
    words = read_words(path)
    try:
        chosen = {entry["path"]: entry["operation"] for entry in words["choices"]}
    except (KeyError, TypeError) as error:
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
