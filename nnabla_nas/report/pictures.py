"""Which pictures a report shows, and of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnabla_nas.report.findings import Compared, Findings
from nnabla_nas.report.plots import Dots, against_cost, curves, strips
from nnabla_nas.report.trajectories import Rows, curve, read_trajectory

if TYPE_CHECKING:
    from markupsafe import Markup

# More groups in one picture cannot be told apart.
_MOST_ROWS, _MOST_CURVES = 40, 8
_COSTS = {
    "multiply-adds": "multiply_adds",
    "parameters": "parameters",
    "latency (ms)": "Latency",
    "memory (bytes)": "Memory",
}
_LEARNING = {
    "test error (%)": "error_test",
    "validation error (%)": "error_valid",
    "training loss": "loss_train",
}
_HEALTH = {"entropy of the choices (nats)": "entropy", "reward": "reward"}

Tints = Mapping[str, str]


@dataclass(frozen=True)
class Picture:
    """A picture.

    Args:
        svg: the drawing.
        caption: what it shows.
    """

    svg: Markup
    caption: str


@dataclass(frozen=True)
class Section:
    """Pictures under a heading.

    Args:
        anchor: its name in addresses.
        title: the heading.
        note: what is to be known to read them.
        pictures: one at least.
    """

    anchor: str
    title: str
    note: str
    pictures: Sequence[Picture]


def pictures(findings: Findings, tints: Tints) -> list[Section]:
    """Draw what there is to draw.

    Args:
        findings: the runs compared.
        tints: colours of the groups.
    """
    valued = [one for one in findings.groups if one.summary is not None]
    searches = [one for one in findings.groups if any(run.searches for run in one.group.finished)]
    learning = _with_reference(valued, findings, _MOST_CURVES)
    sections = [
        Section(
            "values",
            f"Every run's {findings.value}",
            "A point is a run, a diamond the mean of a group; the box spans the quartiles of five "
            f"or more. Less is better.{_left_out(valued, _MOST_ROWS)}",
            _strips(_with_reference(valued, findings, _MOST_ROWS), findings, tints),
        ),
        Section(
            "front",
            f"{findings.value} against costs",
            "The line is the front: runs that no other run beats in both."
            f"{_left_out(valued, _MOST_CURVES)}",
            _costs(learning, findings, tints),
        ),
        Section(
            "learning",
            "Learning curves",
            "The mean of each group; the band is one standard deviation between its runs."
            f"{_left_out(valued, _MOST_CURVES)}",
            _curves(learning, _LEARNING, tints),
        ),
        Section(
            "searches",
            "Searches",
            "Warm-up included. The entropy of a search that decides falls.",
            _curves(searches[:_MOST_CURVES], _LEARNING | _HEALTH, tints),
        ),
    ]
    return [section for section in sections if section.pictures]


def _with_reference(groups: Sequence[Compared], findings: Findings, most: int) -> list[Compared]:
    """Return the first groups, the reference among them."""
    kept = list(groups[:most])
    reference = findings.reference
    if reference in groups and reference not in kept:
        kept[-1] = reference  # type: ignore[assignment] # it is among the groups
    return kept


def _left_out(groups: Sequence[Compared], most: int) -> str:
    return f" The best {most} of {len(groups)} groups are shown." if len(groups) > most else ""


def _strips(groups: Sequence[Compared], findings: Findings, tints: Tints) -> list[Picture]:
    values = {one.name: list(one.group.values(findings.value).values()) for one in groups}
    if not values:
        return []
    return [_picture(strips(values, findings.value, tints), f"{findings.value} by group")]


def _costs(groups: Sequence[Compared], findings: Findings, tints: Tints) -> list[Picture]:
    drawn = []
    for label, name in _COSTS.items():
        dots = [
            one for one in (_dots(group, name, findings.value) for group in groups) if one.across
        ]
        if dots:
            svg = against_cost(dots, label, findings.value, tints)
            drawn.append(_picture(svg, f"{findings.value} against {label}"))
    return drawn


def _dots(one: Compared, cost: str, value: str) -> Dots:
    pairs = [
        (run.cost(cost) if cost in ("Latency", "Memory") else run.numbers.get(cost), run.numbers)
        for run in one.group.finished
    ]
    known = [(x, numbers[value]) for x, numbers in pairs if x is not None and value in numbers]
    return Dots(one.name, [x for x, _ in known], [y for _, y in known])


def _curves(groups: Sequence[Compared], columns: Mapping[str, str], tints: Tints) -> list[Picture]:
    rows: dict[str, list[Rows]] = {
        one.name: [read_trajectory(run) for run in one.group.finished] for one in groups
    }
    drawn = []
    for label, column in columns.items():
        found = [curve(name, trajectories, column) for name, trajectories in rows.items()]
        known = [one for one in found if one is not None]
        if known:
            svg = curves(known, label, "error" in column, tints)
            drawn.append(_picture(svg, label.partition(" (")[0]))
    return drawn


def _picture(svg: str, caption: str) -> Picture:
    from markupsafe import Markup

    return Picture(Markup(svg), caption)
