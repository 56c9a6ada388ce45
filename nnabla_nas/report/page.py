"""report.html: a whole comparison in one file that opens without a network."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nnabla_nas
from nnabla_nas.report.checklist import checklist
from nnabla_nas.report.findings import Compared, Findings
from nnabla_nas.report.page_tables import (
    Table,
    costs_table,
    groups_table,
    machine_table,
    runs_table,
    settings_tables,
    unfinished_table,
)
from nnabla_nas.report.pictures import pictures
from nnabla_nas.report.plots import colours
from nnabla_nas.report.run import Run

_HERE = Path(__file__).parent
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LARGEST_DRAWING = 4_000_000
_SETTINGS_NOTE = (
    "Settings that are not the same in the groups put side by side; config.json of each run holds "
    "the others. Of a path that differs from run to run that of the first run is shown."
)


@dataclass(frozen=True)
class Drawing:
    """The drawing of an architecture.

    Args:
        caption: whose it is.
        source: the picture as a `data:` address.
    """

    caption: str
    source: str


def page(findings: Findings) -> str:
    """Return the page of a comparison; every name in it is escaped.

    Args:
        findings: the runs compared.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    templates = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )

    def table(content: Table, anchor: str) -> Markup:
        text = templates.get_template("table.html").render(table=content, anchor=anchor)
        return Markup(text)

    script = (_HERE / "page.js").read_text(encoding="utf-8")
    tints = colours([one.name for one in findings.groups], findings.against)
    content: dict[str, Any] = {
        "title": f"Comparison by {findings.value}",
        "lead": _lead(findings),
        "sentences": findings.sentences,
        "groups": groups_table(findings, tints),
        "costs": costs_table(findings, tints),
        "groups_note": _groups_note(findings),
        "unfinished": unfinished_table(findings),
        "remarks": findings.remarks,
        "pictures": pictures(findings, tints),
        "drawings": _drawings(findings),
        "settings": settings_tables(findings),
        "settings_note": _SETTINGS_NOTE,
        "runs": runs_table(findings, tints),
        "machine": machine_table(findings.runs),
        "again": f"python main.py -f {_example(findings)} -o NEW_FOLDER",
        "command": _command(findings),
        "checklist": _by_part(findings),
        "version": nnabla_nas.__version__,
        "style": Markup((_HERE / "page.css").read_text(encoding="utf-8")),
        "script": Markup(script),
        "script_hash": Markup(_hash(script)),
    }
    text = templates.get_template("page.html").render(content, table=table)
    # A name may hold half a character, which no file can.
    return text.encode(errors="replace").decode()


def _lead(findings: Findings) -> str:
    states = Counter(run.state for run in findings.runs)
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    return (
        f"{len(findings.runs)} runs in {len(findings.groups)} groups: {told}. Runs of a group "
        f"differ in nothing but {findings.by}."
    )


def _groups_note(findings: Findings) -> str:
    note = f"Of {findings.value}; less is better."
    if findings.reference is None:
        return f"{note} Nothing is tested without a reference (--against NAME)."
    return f"{note} Differences are to {findings.against}, the grey row."


def _by_part(findings: Findings) -> list[tuple[str, list[Any]]]:
    parts: dict[str, list[Any]] = {}
    for item in checklist(findings):
        parts.setdefault(item.part, []).append(item)
    return list(parts.items())


def _example(findings: Findings) -> str:
    run = next((run for run in findings.runs if run.finished), None)
    return shlex.quote(str(run.files.config)) if run else "FOLDER/config.json"


def _command(findings: Findings) -> str:
    words = ["python", "-m", "nnabla_nas", "compare", *map(str, findings.folders)]
    words += ["--value", findings.value]
    if findings.against is not None:
        words += ["--against", findings.against]
    if findings.by != "seed":
        words += ["--by", findings.by]
    return shlex.join([*words, "-o", "FOLDER"])


def _drawings(findings: Findings) -> list[Drawing]:
    """Return the best architecture, and that of the reference beside it."""
    valued = [one for one in findings.groups if one.summary is not None]
    others = [one for one in valued if one.name != findings.against]
    reference = [one for one in valued if one.name == findings.against]
    found = []
    for one in (*others[:1], *reference):
        run = _best(one, findings.value)
        source = _picture(run) if run else None
        if run and source:
            words = "the best of the reference" if one in reference else "the best"
            found.append(Drawing(f"{one.name}, {words}: {run.folder}", source))
    return found


def _best(one: Compared, value: str) -> Run | None:
    runs = [run for run in one.group.finished if value in run.numbers]
    return min(runs, key=lambda run: run.numbers[value], default=None)


def _picture(run: Run) -> str | None:
    try:
        with run.files.arch_png.open("rb") as stream:
            content = stream.read(_LARGEST_DRAWING + 1)
    except OSError:
        return None
    if not content.startswith(_PNG_SIGNATURE) or len(content) > _LARGEST_DRAWING:
        return None
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
