"""The runs of a study, in the order in which they are preferred."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnabla_nas.errors import InputError
from nnabla_nas.study.relations import FOLDER_OF, folders_named, in_order
from nnabla_nas.study.study import ExperimentSettings, StudyFile

_LONGEST_VALUE = 40


@dataclass(frozen=True)
class Run:
    """One run of a study.

    Args:
        experiment: the experiment's name in the study.
        seed: of everything random.
        name: the folder's path below the study's, which also names the run.
        folder: its output folder.
        file: the experiment's JSON file.
        values: what is set in the experiment, by path.
        grid: those of `values` that come from the grid.
        after: names of the runs that have to be finished before.
        linked: those paths in `values` that name another run's folder.
    """

    experiment: str
    seed: int
    name: str
    folder: Path
    file: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    linked: frozenset[str] = frozenset()

    @property
    def variant(self) -> str:
        """The run's name without its seed: runs of one variant differ in nothing else."""
        return self.name.removesuffix(f"/seed-{self.seed}")

    def overrides(self) -> list[str]:
        """Return the `KEY=VALUE` texts that `--set` takes."""
        return [f"{key}={json.dumps(value)}" for key, value in self.values.items()]


def plan(study: StudyFile, place: Path, output: Path) -> list[Run]:
    """Return the runs, seed by seed, each behind those it comes after.

    Args:
        study: the study.
        place: the folder that its paths are relative to.
        output: the folder of all runs.

    Raises:
        InputError: if two runs would have one folder.
    """
    runs: dict[tuple[str, int], list[Run]] = {}
    for name in in_order(study):
        settings = study.experiments[name]
        for seed in settings.seeds or study.seeds:
            before = {one: runs[one, seed][0] for one in settings.after}
            made = _variants(study, name, seed, place, output, before)
            runs[name, seed] = list(made)
    by_seed = sorted(runs, key=lambda key: _position(study, key[1]))
    planned = [run for key in by_seed for run in runs[key]]
    _check_folders(planned)
    return planned


def _variants(
    study: StudyFile,
    name: str,
    seed: int,
    place: Path,
    output: Path,
    before: Mapping[str, Run],
) -> Iterator[Run]:
    """Yield the runs of one experiment with one seed, one per value of its grid."""
    settings = study.experiments[name]
    common = {**study.set, **settings.set}
    for combination in itertools.product(*settings.grid.values()):
        grid = dict(zip(settings.grid, combination, strict=True))
        values = {**common, **grid}
        parts = [name, *_grid_folder(settings, grid), f"seed-{seed}"]
        folder = output.joinpath(*parts) if settings.folder is None else Path(settings.folder)
        yield Run(
            name,
            seed,
            "/".join(parts if settings.folder is None else [name]),
            folder.absolute(),
            place / settings.file,
            {key: _with_folders(value, before) for key, value in values.items()},
            grid,
            tuple(before[one].name for one in settings.after),
            frozenset(key for key, value in values.items() if any(folders_named(value))),
        )


def _with_folders(value: Any, before: Mapping[str, Run]) -> Any:
    """Put folders in the place of names in braces."""
    if isinstance(value, str):
        return FOLDER_OF.sub(lambda match: str(before[match[1]].folder), value)
    if isinstance(value, list):
        return [_with_folders(one, before) for one in value]
    if isinstance(value, dict):
        return {key: _with_folders(one, before) for key, one in value.items()}
    return value


def _grid_folder(settings: ExperimentSettings, grid: Mapping[str, Any]) -> list[str]:
    """Return the folder's name for a combination, such as `lr-0.05`."""
    last = Counter(key.rpartition(".")[2] for key in settings.grid)
    parts = []
    for key, value in grid.items():
        short = key.rpartition(".")[2]
        text = _plain(value if isinstance(value, str) else json.dumps(value))
        if not text or len(text) > _LONGEST_VALUE:
            text = str(settings.grid[key].index(value))
        parts.append(f"{_plain(short if last[short] == 1 else key)}-{text}")
    return [",".join(parts)] if parts else []


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", text).strip("_")


def _position(study: StudyFile, seed: int) -> tuple[int, int]:
    return (study.seeds.index(seed), 0) if seed in study.seeds else (len(study.seeds), seed)


def _check_folders(runs: list[Run]) -> None:
    first: dict[Path, Run] = {}
    faults = []
    for run in runs:
        other = first.setdefault(run.folder.resolve(), run)
        if other is not run:
            faults.append(
                f"experiments.{run.experiment}: its run with seed {run.seed} has the folder of "
                f"that of '{other.experiment}' with seed {other.seed}: {run.folder}; allowed one "
                "run per folder"
            )
    if faults:
        raise InputError(faults)
