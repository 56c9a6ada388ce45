"""Names of groups: a study's own, else what tells them apart."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from nnabla_nas.report.grouping import Group
from nnabla_nas.report.settings import differing, in_short

# The end of a folder's name that counts repetitions, such as `-3`, `/seed-3`, `_run2`.
_COUNT = re.compile(r"(?:^|[-_/ ])(?:seed|run)?[-_ ]?\d+$", re.IGNORECASE)
_MOST_DIFFERENCES = 4


def name_groups(groups: Sequence[Group]) -> None:
    """Give each group a name that no other has.

    Args:
        groups: the groups.
    """
    places = _places(groups)
    different = [key for key in differing([g.settings for g in groups]) if key != groups[0].by]
    ways = [list(_names(group, places, different)) for group in groups]
    chosen = [0] * len(groups)
    for _ in range(max(map(len, ways))):
        names = [way[index] for way, index in zip(ways, chosen, strict=True)]
        taken = Counter(names)
        for number, name in enumerate(names):
            if taken[name] > 1 and chosen[number] + 1 < len(ways[number]):
                chosen[number] += 1
    used: Counter[str] = Counter()
    for group, way, index in zip(groups, ways, chosen, strict=True):
        name = way[index]
        used[name] += 1
        group.name = name if used[name] == 1 else f"{name} ({used[name]})"


def _names(group: Group, places: dict[int, str], different: Sequence[str]) -> Iterator[str]:
    """Yield possible names, the shortest first."""
    folders = [places[id(run)] for run in group.runs]
    without_count = {_COUNT.sub("", folder) for folder in folders}
    experiments = {run.experiment for run in group.runs}
    if len(experiments) == 1 and (name := experiments.pop()):
        yield name
    if len(without_count) == 1 and (name := without_count.pop()):
        yield name
    if len(folders) == 1:
        yield folders[0]
    told = [in_short(k, group.settings[k]) for k in different if k in group.settings]
    rest = [f"and {len(told) - _MOST_DIFFERENCES} more"] if len(told) > _MOST_DIFFERENCES else []
    yield ", ".join([*told[:_MOST_DIFFERENCES], *rest]) or "runs"


def _places(groups: Sequence[Group]) -> dict[int, str]:
    """Return the folder of each run below the one that all have in common."""
    paths = {id(run): os.path.abspath(run.folder) for group in groups for run in group.runs}
    top = os.path.commonpath([os.path.dirname(path) for path in paths.values()])
    return {key: os.path.relpath(path, top) for key, path in paths.items()}
