"""The tables of a report's page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnabla_nas.report.costs import costs
from nnabla_nas.report.findings import Compared, Findings
from nnabla_nas.report.run import Run
from nnabla_nas.report.settings import differing
from nnabla_nas.report.wording import NOTHING, between, figure, is_share, p_value, short, spread

_MOST_LETTERS = 160
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Cell:
    """A cell.

    Args:
        text: what it shows.
        value: what it is sorted by; empty if nothing is known.
    """

    text: str
    value: str


@dataclass(frozen=True)
class Row:
    """A row.

    Args:
        cells: its cells; the first is its heading.
        tint: the colour that stands for it in pictures; may be empty.
        marked: whether it is the reference.
    """

    cells: Sequence[Cell]
    tint: str = ""
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        heads: its headings.
        rows: its rows.
    """

    heads: Sequence[str]
    rows: Sequence[Row]


def groups_table(findings: Findings, tints: Mapping[str, str]) -> Table:
    """Return a row for each group.

    Args:
        findings: the runs compared.
        tints: colours of the groups.
    """
    value = findings.value
    unit = ", %" if is_share(value) else ""
    columns: dict[str, Sequence[Cell]] = {"group": [_name(one.name) for one in findings.groups]}
    columns["n"] = [_number(one.summary.n if one.summary else None) for one in findings.groups]
    columns[f"mean ± sd{unit}"] = [_spread(one, value) for one in findings.groups]
    for name in ("median", "best"):
        columns[name] = [_part(one, name, value) for one in findings.groups]
    columns["95 % interval"] = [
        _interval(one.summary.interval if one.summary else None, value) for one in findings.groups
    ]
    if findings.reference is not None:
        columns |= _differences(findings)
    return _by_group(findings, columns, tints)


def costs_table(findings: Findings, tints: Mapping[str, str]) -> Table:
    """Return a row for each group: what its networks, trainings and searches cost.

    Args:
        findings: the runs compared.
        tints: colours of the groups.
    """
    found = [costs(one) for one in findings.groups]
    columns = {
        "group": [_name(one.name) for one in findings.groups],
        "finished": [_number(len(one.group.finished)) for one in findings.groups],
        "parameters": [_number(c.parameters) for c in found],
        "multiply-adds": [_number(c.multiply_adds) for c in found],
        "latency, ms": [_number(c.latency) for c in found],
        "memory, bytes": [_number(c.memory) for c in found],
        "device s": [_number(c.device_seconds) for c in found],
        "+ search s": [_number(c.search_seconds) for c in found],
        "= both": [_number(c.all_seconds) for c in found],
    }
    known = {name: cells for name, cells in columns.items() if set(cells) != {_NONE}}
    return _by_group(findings, known, tints)


def _by_group(
    findings: Findings, columns: Mapping[str, Sequence[Cell]], tints: Mapping[str, str]
) -> Table:
    rows = [
        Row(
            [column[index] for column in columns.values()],
            tints.get(one.name, ""),
            one.name == findings.against,
        )
        for index, one in enumerate(findings.groups)
    ]
    return Table(list(columns), rows)


def runs_table(findings: Findings, tints: Mapping[str, str]) -> Table:
    """Return a row for each run.

    Args:
        findings: the runs compared.
        tints: colours of the groups.
    """
    value = findings.value
    unit = ", %" if is_share(value) else ""
    heads = ["group", findings.by, "state", f"{value}{unit}", "parameters", "multiply-adds"]
    heads += ["device s", "search s", "folder"]
    rows = []
    for one in findings.groups:
        for run in one.group.runs:
            numbers = run.numbers
            number = one.group.number(run)
            cells = [_name(one.name), _text("" if number is None else str(number))]
            cells += [
                _text(run.state),
                Cell(figure(numbers.get(value), value), _key(numbers.get(value))),
            ]
            cells += [
                _number(numbers.get(name))
                for name in ("parameters", "multiply_adds", "device_seconds")
            ]
            cells += [_number(one.search_seconds[run.folder]), _text(str(run.folder))]
            rows.append(Row(cells, tints.get(one.name, "")))
    return Table(heads, rows)


def unfinished_table(findings: Findings) -> Table | None:
    """Return a row for each run that has not finished; None if there are none.

    Args:
        findings: the runs compared.
    """
    runs = [run for run in findings.runs if not run.finished]
    rows = [Row([_text(str(run.folder)), _text(run.state), _text(run.remark)]) for run in runs]
    return Table(["run", "state", "why"], rows) if rows else None


def settings_tables(findings: Findings) -> list[Table]:
    """Return tables of the settings in which groups differ, one row for each setting.

    Groups that have the value are put side by side, and so are the others, the searches.

    Args:
        findings: the runs compared.
    """
    known = [one for one in findings.groups if one.group.settings]
    valued = [one for one in known if one.summary is not None]
    others = [one for one in known if one.summary is None]
    tables = [_settings(groups, findings.by) for groups in (valued, others)]
    return [table for table in tables if table.rows]


def _settings(groups: Sequence[Compared], by: str) -> Table:
    keys = [key for key in differing([one.group.settings for one in groups]) if key != by]
    rows = [
        Row([_text(key), *(_setting(one.group.settings, key) for one in groups)]) for key in keys
    ]
    return Table(["setting", *(_name(one.name).text for one in groups)], rows)


def machine_table(runs: Iterable[Run]) -> Table:
    """Return a row for each property of machines and versions: what runs say, and how many.

    Args:
        runs: the runs.
    """
    counted: dict[str, dict[str, int]] = {}
    for run in runs:
        environment = run.config.get("environment")
        for key, value in _properties(environment if isinstance(environment, Mapping) else {}):
            told = counted.setdefault(key, {})
            told[value] = told.get(value, 0) + 1
    rows = []
    for key, told in counted.items():
        words = [v if len(told) == 1 else f"{v} ({n} runs)" for v, n in sorted(told.items())]
        rows.append(Row([_text(key), _text("; ".join(words))]))
    return Table(["", "in the runs"], rows)


def _properties(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [
        (key.replace("_", " "), str(environment[key]))
        for key in ("processor", "device", "platform", "python", "git_commit", "data_checksum")
        if environment.get(key) is not None
    ]
    versions = environment.get("versions")
    if isinstance(versions, Mapping):
        found += [(str(name), str(version)) for name, version in versions.items()]
    return found


def _differences(findings: Findings) -> dict[str, list[Cell]]:
    value, found = findings.value, [one.difference for one in findings.groups]
    unit = ", points" if is_share(value) else ""
    cells = [
        Cell(("+" if d.mean > 0 else "") + figure(d.mean, value), _key(d.mean)) if d else _NONE
        for d in found
    ]
    return {
        f"difference{unit}": cells,
        "its interval": [_interval(d.interval if d else None, value) for d in found],
        "test": [_text(d.test or "") if d else _NONE for d in found],
        "p (Holm)": [Cell(p_value(d.adjusted), _key(d.adjusted)) if d else _NONE for d in found],
    }


def _spread(one: Compared, value: str) -> Cell:
    if one.summary is None:
        return _NONE
    return Cell(spread(one.summary.mean, one.summary.deviation, value), _key(one.summary.mean))


def _part(one: Compared, name: str, value: str) -> Cell:
    if one.summary is None:
        return _NONE
    number = one.summary.median if name == "median" else one.summary.best
    return Cell(figure(number, value), _key(number))


def _interval(interval: tuple[float, float] | None, value: str) -> Cell:
    return Cell(between(interval, value), _key(interval[0] if interval else None))


def _setting(settings: Mapping[str, Any], key: str) -> Cell:
    if key not in settings:
        return _NONE
    value = settings[key]
    return _text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _number(number: float | None) -> Cell:
    return Cell(short(number), _key(number))


def _text(text: str) -> Cell:
    shown = text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
    return Cell(shown or NOTHING, text)


def _name(name: str) -> Cell:
    shown = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    return Cell(shown, name)


def _key(number: float | None) -> str:
    return "" if number is None else repr(float(number))


_NONE = Cell(NOTHING, "")
