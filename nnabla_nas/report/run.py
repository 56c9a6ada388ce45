"""What one run's folder says of it, however damaged it is."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nnabla_nas.artifact.folder_lock import FolderLock
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.json_text import parse, read_file
from nnabla_nas.errors import InputError
from nnabla_nas.report.settings import Settings, settings

FINISHED = "finished"
# What result.json holds of a training or search of any kind.
NUMBERS = (
    "test.error",
    "test.loss",
    "valid.error",
    "valid.loss",
    "train.error",
    "train.loss",
    "parameters",
    "multiply_adds",
    "epochs",
    "updates",
    "wall_clock_seconds",
    "device_seconds",
)
_ENDS = (FINISHED, "diverged", "interrupted")
_TAIL = 4000
# The last line of a traceback, behind its time stamp.
_EXCEPTION = re.compile(r"^\S+ \S+ (?P<words>(?:\w+\.)*\w*(?:Error|Exception)\b.*)$")


@dataclass(frozen=True)
class Run:
    """One run, as its folder tells.

    Args:
        folder: its folder, as the user would name it.
        state: `finished`, `diverged`, `interrupted`, `running`, `failed`, `unfinished`, `damaged`
            or, where a study's run has left nothing yet, `not started`.
        remark: what else is to be said about the state; may be empty.
        config: the content of config.json; empty where it cannot be read.
        result: the content of result.json; empty where there is none.
        experiment: the name of its experiment in a study.
        seed: the seed that a study plans, of a run that has not started.
    """

    folder: Path
    state: str
    remark: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    experiment: str | None = None
    seed: int | None = None

    @cached_property
    def settings(self) -> Settings:
        """The settings of its experiment; none where config.json cannot be read."""
        return settings(self.config) if self.config else {}

    @cached_property
    def numbers(self) -> dict[str, float]:
        """The finite numbers of result.json by dotted path, `metrics.` left out."""
        metrics = self.result.get("metrics")
        rest = {key: value for key, value in self.result.items() if key != "metrics"}
        return dict(_numbers(metrics)) | dict(_numbers(rest))

    @property
    def finished(self) -> bool:
        """Whether it ended as it should."""
        return self.state == FINISHED

    @property
    def searches(self) -> bool:
        """Whether it is a search."""
        return bool(self.result.get("search", self.config.get("search", False)))

    @property
    def files(self) -> RunFolder:
        """The names of its files."""
        return RunFolder(self.folder)

    def cost(self, kind: str) -> float | None:
        """Return what an estimator says of the network.

        Args:
            kind: a part of the estimator's name, such as `Latency`.
        """
        constraints = self.result.get("constraints")
        for one in constraints.values() if isinstance(constraints, Mapping) else ():
            if isinstance(one, Mapping) and kind in str(one.get("estimator")):
                return dict(_numbers({"value": one.get("value")})).get("value")
        return None


def read_run(folder: Path) -> Run:
    """Read a run's folder; what is damaged is said in the run.

    Args:
        folder: the folder.
    """
    files = RunFolder(folder)
    config, fault = _read(files.config)
    result: dict[str, Any] = {}
    if not fault and files.result.exists():
        result, fault = _read(files.result)
        if not fault and result.get("status") not in _ENDS:
            fault = f"{files.result}: its status is {json.dumps(result.get('status'))[:40]}"
    if fault:
        return Run(folder, "damaged", fault.removeprefix(f"{folder}{os.sep}"), config)
    if not result:
        state, remark = _unfinished(files)
        return Run(folder, state, remark, config)
    return Run(folder, result["status"], "", config, result)


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """Return the object in a JSON file, and what is wrong with the file."""
    try:
        value, _ = parse(read_file(str(path)))
    except InputError as error:
        return {}, str(error)
    except json.JSONDecodeError as error:
        return {}, f"{path}: damaged, line {error.lineno} is not JSON"
    return (value, "") if isinstance(value, dict) else ({}, f"{path}: damaged, no JSON object")


def _unfinished(files: RunFolder) -> tuple[str, str]:
    """Return the state of a run without a result, and a remark."""
    try:
        if FolderLock(files.path / ".lock").holder() is not None:
            return "running", ""
        with files.log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - _TAIL))
            lines = stream.read().decode(errors="replace").split("\n")
    except OSError:
        lines = []
    last = next((line for line in reversed(lines) if line.strip()), "")
    failure = _EXCEPTION.match(last)
    return ("failed", failure["words"][:200]) if failure else ("unfinished", "")


def _numbers(value: Any, prefix: str = "") -> list[tuple[str, float]]:
    if isinstance(value, Mapping):
        return [
            pair
            for key, one in value.items()
            for pair in _numbers(one, f"{prefix}.{key}" if prefix else str(key))
        ]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return [(prefix, float(value))] if is_number and math.isfinite(value) else []
