"""The runs below some folders."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.errors import InputError
from nnabla_nas.report.run import Run, read_run
from nnabla_nas.report.study_file import PlannedRun, StudyFile, failure, read_study

_DEEPEST = 6


@dataclass(frozen=True)
class Found:
    """What was found below some folders.

    Args:
        runs: the runs, by rising folder, each once; those that a study is still to make as well.
        value: what a study says to compare by.
        against: the group a study says to compare with.
        remarks: what else is to be said.
    """

    runs: Sequence[Run]
    value: str | None
    against: str | None
    remarks: Sequence[str]


def find_runs(folders: Sequence[Path]) -> Found:
    """Read every run in or below some folders.

    Args:
        folders: run folders, studies' folders, or folders of either.

    Raises:
        InputError: if one of them is no folder, or there is no run in it.
    """
    walk = _Walk()
    faults = [
        f"{str(folder)!r}: "
        + ("no run in it, nor below it" if folder.is_dir() else "no such folder")
        for folder in folders
        if not walk.visit(folder)
    ]
    if faults:
        raise InputError(faults)
    studies = walk.studies
    return Found(
        [walk.runs[path] for path in sorted(walk.runs, key=_in_figures)],
        next((study.value for study in studies if study.value), None),
        next((study.against for study in studies if study.against), None),
        [fault for study in studies for fault in study.faults],
    )


class _Walk:
    """Goes through folders; of a folder that is reached twice the first way counts.

    Attributes:
        runs: the runs found, by the real paths of their folders.
        studies: the lists of runs found.
    """

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.studies: list[StudyFile] = []
        self._visited: dict[str, bool] = {}

    def visit(self, folder: Path, depth: int = 0) -> bool:
        """Return whether there is a run in a folder or below it."""
        place = os.path.realpath(folder)
        if place not in self._visited:
            self._visited[place] = False
            self._visited[place] = self._look(folder, place, depth)
        return self._visited[place]

    def _look(self, folder: Path, place: str, depth: int) -> bool:
        study = read_study(folder)
        planned = (
            {os.path.realpath(folder / one.folder): one for one in study.runs} if study else {}
        )
        if study is not None:
            self.studies.append(study)
        found = bool(planned)
        if RunFolder(folder).holds_run():
            self.runs[place] = read_run(folder)
            found = True
        elif depth < _DEEPEST:
            for name in _folders(folder):
                found |= self.visit(folder / name, depth + 1)
        for path, one in planned.items():
            self.runs[path] = self._as_planned(folder, path, one)
        return found

    def _as_planned(self, study: Path, path: str, plan: PlannedRun) -> Run:
        """Return a run of a study with what the study knows of it."""
        run = self.runs.get(path)
        if run is None and RunFolder(study / plan.folder).holds_run():
            run = read_run(study / plan.folder)
        if run is None:
            after = f"comes after {', '.join(plan.after)}" if plan.after else ""
            run = Run(study / plan.folder, "not started", after, seed=plan.seed)
        run = replace(run, experiment=plan.experiment)
        if run.state in ("not started", "unfinished") and (why := failure(study, plan)):
            run = replace(run, state="failed", remark=why)
        return run


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    except OSError:
        return []


def _in_figures(path: str) -> list[str | int]:
    """Return a key that sorts seed-10 behind seed-9."""
    parts = re.split(r"([0-9]+)", path)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]
