"""compare.csv, compare.json and report.html."""

from __future__ import annotations

import csv
import io
import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nnabla_nas
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.writing import writing
from nnabla_nas.report.costs import costs
from nnabla_nas.report.findings import Compared, Findings
from nnabla_nas.report.page import page
from nnabla_nas.report.run import NUMBERS, Run


def write_files(comparison: Findings, folder: Path) -> list[Path]:
    """Write the files of a comparison, each whole or not at all.

    Args:
        comparison: the comparison.
        folder: where; made if it is missing.

    Returns:
        The files.

    Raises:
        NasError: if one cannot be written.
    """
    contents = {
        "compare.csv": table(comparison),
        "compare.json": as_json(comparison),
        "report.html": page(comparison),
    }
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        RunFolder(folder).write_text(folder / name, content)
    return [folder / name for name in contents]


def table(comparison: Findings) -> str:
    """Return one row per run as CSV.

    Args:
        comparison: the comparison.
    """
    value = () if comparison.value in NUMBERS else (comparison.value,)
    head = ["group", "experiment", comparison.by, "folder", "state", "remark"]
    numbers = (*value, *NUMBERS)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([*head, *numbers, "search_device_seconds", "latency_ms", "memory_bytes"])
    for one in comparison.groups:
        for run in one.group.runs:
            who = [one.name, run.experiment, one.group.number(run), run.folder]
            told = [*who, run.state, run.remark, *(run.numbers.get(name) for name in numbers)]
            searched = one.search_seconds[run.folder]
            rows.writerow([*told, searched, run.cost("Latency"), run.cost("Memory")])
    # A name may hold half a character, which no file can.
    return text.getvalue().encode(errors="replace").decode()


def as_json(comparison: Findings) -> str:
    """Return the whole comparison as JSON.

    Args:
        comparison: the comparison.
    """
    content = {
        "value": comparison.value,
        "by": comparison.by,
        "against": comparison.against,
        "groups": [_group(one) for one in comparison.groups],
        "sentences": list(comparison.sentences),
        "remarks": list(comparison.remarks),
        "unfinished": [_run(run) for run in comparison.runs if not run.finished],
        "methods": {
            "interval": "bootstrap of the mean, BCa, 9,999 resamples, 95 %",
            "test": "two-sided Wilcoxon signed-rank for the same seeds, else Mann-Whitney",
            "correction": "Holm (1979)",
        },
        "versions": {
            "nnabla_nas": nnabla_nas.__version__,
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "scipy": version("scipy"),
        },
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _group(one: Compared) -> dict[str, Any]:
    return {
        "name": one.name,
        "summary": asdict(one.summary) if one.summary else None,
        "difference": asdict(one.difference) if one.difference else None,
        "costs": asdict(costs(one)),
        "runs": [_run(run) for run in one.group.runs],
    }


def _run(run: Run) -> dict[str, Any]:
    return {"folder": str(run.folder), "state": run.state, "remark": run.remark}
