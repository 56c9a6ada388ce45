"""What the experiments of a study say about each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from nnabla_nas.config.faults import Fault, Path, got
from nnabla_nas.registry import did_you_mean
from nnabla_nas.study.study import StudyFile

FOLDER_OF = re.compile(r"\{([A-Za-z0-9][A-Za-z0-9_-]*)\}")


def relation_faults(study: StudyFile) -> list[Fault]:
    """Return what is wrong with `after`, `compare` and the names in braces.

    Args:
        study: a study whose keys and types are right.
    """
    faults = [fault for name in study.experiments for fault in _faults_of(study, name)]
    against = None if study.compare is None else study.compare.against
    if against is not None and against not in study.experiments:
        faults.append(Fault(("compare", "against"), got(against, _names(study, against))))
    return faults or _circles(study)


def in_order(study: StudyFile) -> list[str]:
    """Return the experiments' names in the file's order, but each behind those it comes after.

    Args:
        study: a study without faults.
    """
    names: list[str] = []
    left = list(study.experiments)
    while left:
        name = next(one for one in left if set(study.experiments[one].after) <= set(names))
        left.remove(name)
        names.append(name)
    return names


def folders_named(values: Any) -> Iterator[str]:
    """Yield the names in braces in the texts of a value.

    Args:
        values: a value of JSON.
    """
    if isinstance(values, str):
        yield from FOLDER_OF.findall(values)
    elif isinstance(values, dict | list):
        for inner in values.values() if isinstance(values, dict) else values:
            yield from folders_named(inner)


def _faults_of(study: StudyFile, name: str) -> Iterator[Fault]:
    settings = study.experiments[name]
    place: Path = ("experiments", name)
    seeds = settings.seeds or study.seeds
    for other in settings.after:
        before = study.experiments.get(other)
        if before is None:
            yield Fault((*place, "after"), got(other, _names(study, other)))
        elif before.grid:
            allowed = "experiments without a grid, which have one run per seed"
            yield Fault((*place, "after"), got(other, allowed))
        elif missing := set(seeds) - set(before.seeds or study.seeds):
            allowed = f"experiments with the same seeds; '{other}' has no {min(missing)}"
            yield Fault((*place, "after"), got(other, allowed))
    for other in dict.fromkeys(folders_named([settings.set, settings.grid, study.set])):
        if other not in settings.after:
            allowed = f"names that 'after' lists{did_you_mean(other, settings.after)}"
            yield Fault((*place, "set"), got(f"{{{other}}}", allowed))
    if settings.folder is not None and (len(seeds) > 1 or settings.grid):
        allowed = "a folder for an experiment with one seed and no grid"
        yield Fault((*place, "folder"), got(settings.folder, allowed))


def _names(study: StudyFile, name: str) -> str:
    names = sorted(study.experiments)
    return f"one of {', '.join(names)}{did_you_mean(name, names)}"


def _circles(study: StudyFile) -> list[Fault]:
    try:
        TopologicalSorter({name: one.after for name, one in study.experiments.items()}).prepare()
    except CycleError as error:
        names = [str(one) for one in error.args[1]]
        circle = " after ".join(reversed(names))
        return [Fault(("experiments", names[0], "after"), f"a circle: {circle}")]
    return []
