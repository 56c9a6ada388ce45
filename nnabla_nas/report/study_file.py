"""What a study's folder says about the runs that belong into it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnabla_nas.config.json_text import LARGEST_FILE, checked
from nnabla_nas.errors import InputError

FILE = "study.json"
# Where a study notes how attempts ended that did not finish.
NOTES = ".study"
# A study of ten thousand runs lists each of them.
_LARGEST = 20 * LARGEST_FILE


@dataclass(frozen=True)
class PlannedRun:
    """A run that a study consists of.

    Args:
        experiment: the name of its experiment.
        seed: its seed.
        folder: its folder; relative to the study's, unless it lies elsewhere.
        after: names of the experiments that come before it.
    """

    experiment: str
    seed: int | None
    folder: Path
    after: Sequence[str] = ()


@dataclass(frozen=True)
class StudyFile:
    """What is read from a study's folder.

    Args:
        runs: the runs it consists of.
        value: what they are compared by, if the study says so.
        against: the name of the group the others are compared with, if it says so.
    """

    runs: Sequence[PlannedRun] = ()
    value: str | None = None
    against: str | None = None
    faults: Sequence[str] = field(default_factory=tuple)


def read_study(folder: Path) -> StudyFile | None:
    """Read the list of a study's runs; faults of it are said in the value.

    Args:
        folder: the study's folder.

    Returns:
        None where the folder is no study's.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        content = _read(path)
    except InputError as error:
        return StudyFile(faults=(str(error),))
    listed = content.get("runs")
    planned = [_planned(one) for one in listed] if isinstance(listed, list) else []
    runs = [run for run in planned if run is not None]
    faults = [] if runs and len(runs) == len(planned) else [f"{path}: lists no proper runs"]
    wanted = content.get("compare")
    asked = wanted if isinstance(wanted, Mapping) else {}
    return StudyFile(runs, _text(asked.get("value")), _text(asked.get("against")), faults)


def failure(folder: Path, run: PlannedRun) -> str:
    """Return why the last attempt at a run failed, as the study noted it; else nothing.

    Args:
        folder: the study's folder.
        run: a run that is not finished.
    """
    path = folder / NOTES / f"{run.folder}.json"
    try:
        noted = _read(path) if path.is_file() else {}
    except InputError:
        noted = {}
    code, reason = noted.get("code"), noted.get("reason")
    if type(code) is not int:
        return ""
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}: {reason}"


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            text = stream.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise InputError(f"{path}: larger than {_LARGEST:,} bytes")
        value, _ = checked(json.loads(text), ())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged, it is not JSON") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: damaged, it holds no JSON object")
    return value


def _planned(value: Any) -> PlannedRun | None:
    if not isinstance(value, Mapping):
        return None
    experiment, folder = _text(value.get("experiment")), _text(value.get("folder"))
    if experiment is None or folder is None:
        return None
    seed, after = value.get("seed"), value.get("after")
    names = [str(name) for name in after] if isinstance(after, list) else []
    return PlannedRun(experiment, seed if type(seed) is int else None, Path(folder), names)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
