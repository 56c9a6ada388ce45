"""A comparison as the console shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nnabla_nas.report.costs import Costs, costs
from nnabla_nas.report.findings import Compared, Findings
from nnabla_nas.report.wording import (
    NOTHING,
    between,
    figure,
    is_share,
    p_value,
    short,
    spread,
)

_WIDEST_NAME = 36
_MOST_RUNS = 20


def in_text(comparison: Findings) -> str:
    """Return tables and sentences of a comparison.

    Args:
        comparison: the comparison.
    """
    valued = [one for one in comparison.groups if one.summary is not None]
    sections = [_values(comparison, valued), _costs(comparison.groups)]
    if comparison.reference is not None:
        sections.append(_differences(comparison, valued))
    elif len(valued) > 1:
        sections.append(["Nothing is tested: name what to compare with by --against."])
    sections += [list(comparison.sentences), _unfinished(comparison), list(comparison.remarks)]
    return "\n\n".join("\n".join(map(_printable, lines)) for lines in sections if lines)


def _values(comparison: Findings, groups: Sequence[Compared]) -> list[str]:
    if not groups:
        return [f"no finished run has {comparison.value}"]
    value = comparison.value
    unit = ", %" if is_share(value) else ""
    rows = [[value + unit, "n", "mean ± sd", "median", "best", "95 % interval"]]
    for one in groups:
        if (s := one.summary) is not None:
            middle = [figure(s.median, value), figure(s.best, value), between(s.interval, value)]
            rows.append([one.name, str(s.n), spread(s.mean, s.deviation, value), *middle])
    return _table(rows)


def _costs(groups: Sequence[Compared]) -> list[str]:
    listed = [(one, costs(one)) for one in groups if one.group.finished]
    if not listed:
        return []
    columns = [
        ("parameters", [short(c.parameters) for _, c in listed]),
        ("multiply-adds", [short(c.multiply_adds) for _, c in listed]),
        ("latency, ms", [short(c.latency) for _, c in listed]),
        ("memory, MB", [short(_megabytes(c)) for _, c in listed]),
        ("device s", [short(c.device_seconds) for _, c in listed]),
        ("+ search s", [_search(c) for _, c in listed]),
        ("= both", [short(c.all_seconds) for _, c in listed]),
        ("n", [str(len(one.group.finished)) for one, _ in listed]),
    ]
    always = ("device s", "+ search s", "n")
    kept = [(t, cells) for t, cells in columns if t in always or set(cells) != {NOTHING}]
    rows = [["mean of each", *(title for title, _ in kept)]]
    for index, (one, _) in enumerate(listed):
        rows.append([one.name, *(cells[index] for _, cells in kept)])
    return _table(rows)


def _megabytes(found: Costs) -> float | None:
    return None if found.memory is None else found.memory / 1e6


def _search(found: Costs) -> str:
    return "?" if found.search_seconds is None else short(found.search_seconds)


def _differences(comparison: Findings, groups: Sequence[Compared]) -> list[str]:
    value = comparison.value
    unit = ", points" if is_share(value) else ""
    rows = [[f"against {comparison.against}{unit}", "difference", "95 % interval", "test", "p"]]
    rows[0].append("p (Holm)")
    for one in groups:
        if (d := one.difference) is not None:
            sign = "+" if d.mean > 0 else ""
            row = [one.name, sign + figure(d.mean, value), between(d.interval, value)]
            rows.append([*row, d.test or NOTHING, p_value(d.p), p_value(d.adjusted)])
    return _table(rows) if len(rows) > 1 else []


def _unfinished(comparison: Findings) -> list[str]:
    states = Counter(run.state for run in comparison.runs)
    if set(states) == {"finished"}:
        return []
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    lines = [f"{len(comparison.runs)} runs: {told}"]
    others = [run for run in comparison.runs if not run.finished]
    for run in others[:_MOST_RUNS]:
        lines.append(f"  {run.folder}: {run.state}{': ' * bool(run.remark)}{run.remark}")
    if len(others) > _MOST_RUNS:
        lines.append(f"  and {len(others) - _MOST_RUNS} more")
    return lines


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    cut = [[_cut(row[0]), *row[1:]] for row in rows]
    widths = [max(len(row[column]) for row in cut) for column in range(len(cut[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cut
    ]


def _cut(name: str) -> str:
    return name if len(name) <= _WIDEST_NAME else name[: _WIDEST_NAME - 1] + "…"


def _printable(line: str) -> str:
    """Return a line in which names of folders can neither break it nor command a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)
