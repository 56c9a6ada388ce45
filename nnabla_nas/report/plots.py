"""The pictures of a report, as SVG."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnabla_nas.artifact.plotting import DPI, INK, drawing, to_svg
from nnabla_nas.report.statistics import LEAST_FOR_TEST
from nnabla_nas.report.trajectories import Curve
from nnabla_nas.report.wording import is_share, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which are told apart by all eyes.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f6a00", "#6b4fa0")
_REFERENCE = "#5f6b7a"
_WIDTH, _HEIGHT = 440, 300
_ROW = 34
_LONGEST_NAME = 26
# Points of a group are spread over its row evenly, each in a place of its own.
_SPREAD = 0.28


@dataclass(frozen=True)
class Dots:
    """Runs of a group in two dimensions.

    Args:
        name: the group.
        across: what it costs, one number per run.
        values: the value, one number per run.
    """

    name: str
    across: Sequence[float]
    values: Sequence[float]


def colours(names: Sequence[str], reference: str | None) -> dict[str, str]:
    """Return a colour for each group; the reference is grey.

    Args:
        names: the groups.
        reference: the name of the reference.
    """
    others = [name for name in names if name != reference]
    chosen = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(others)}
    if reference in names:
        chosen[str(reference)] = _REFERENCE
    return chosen


def strips(values: Mapping[str, Sequence[float]], value: str, tints: Mapping[str, str]) -> str:
    """Draw a row for each group: a point per run, and a box over the quartiles of five or more.

    Args:
        values: the value of each run, by group, the first on top.
        value: what it is called.
        tints: colours of the groups.
    """
    scale = _scale(value)
    with drawing():
        figure, axes = _figure(_ROW * len(values) + 80)
        _boxes(
            axes,
            [[scale * one for one in own] for own in values.values()],
            [tints[name] for name in values],
        )
        for row, (name, own) in enumerate(values.items()):
            scaled = [scale * one for one in own]
            offsets = [row + _SPREAD * _shift(index) for index in range(len(scaled))]
            axes.plot(scaled, offsets, "o", color=tints[name], markersize=5, alpha=0.75)
            mean = sum(scaled) / len(scaled)
            axes.plot([mean], [row], "D", color=INK, markersize=6, markerfacecolor="white")
        axes.set_yticks(range(len(values)), [_cut(name) for name in values])
        axes.set_ylim(len(values) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(_label(value))
        return _svg(figure)


def against_cost(dots: Sequence[Dots], cost: str, value: str, tints: Mapping[str, str]) -> str:
    """Draw runs by cost and value, and the front: what no other run is better in both.

    Args:
        dots: the runs of each group.
        cost: what stands on the axis across, with its unit.
        value: what the value is called.
        tints: colours of the groups.
    """
    scale = _scale(value)
    with drawing():
        figure, axes = _figure(_HEIGHT)
        points = [
            (x, scale * y) for one in dots for x, y in zip(one.across, one.values, strict=True)
        ]
        best = front(points)
        # What a point rules out is all above it and to its right.
        ends = [
            (best[0][0], max(y for _, y in points)),
            *best,
            (max(x for x, _ in points), best[-1][1]),
        ]
        axes.step(*zip(*ends, strict=True), where="post", color=INK, linewidth=1.2, label="front")
        for one in dots:
            ys = [scale * y for y in one.values]
            axes.plot(one.across, ys, "o", color=tints[one.name], alpha=0.75, label=_cut(one.name))
        axes.set_xlabel(cost)
        axes.set_ylabel(_label(value))
        axes.xaxis.set_major_formatter(_in_figures)
        axes.xaxis.get_major_locator().set_params(nbins=5)
        _legend(figure, axes)
        return _svg(figure)


def curves(drawn: Sequence[Curve], label: str, share: bool, tints: Mapping[str, str]) -> str:
    """Draw the mean of each group over the epochs, and a band of one standard deviation.

    Args:
        drawn: the curves.
        label: what stands on the axis upwards.
        share: whether the values are shares, shown in per cent.
        tints: colours of the groups.
    """
    scale = 100 if share else 1
    with drawing():
        figure, axes = _figure(_HEIGHT)
        for one in drawn:
            pairs = list(zip(one.means, one.deviations, strict=True))
            low, high = ([scale * (m + sign * d) for m, d in pairs] for sign in (-1, 1))
            axes.fill_between(one.epochs, low, high, color=tints[one.name], alpha=0.16, linewidth=0)
            means = [scale * mean for mean in one.means]
            words = f"{_cut(one.name)} (n = {one.n})"
            marker = "o" if len(means) == 1 else ""
            axes.plot(one.epochs, means, marker=marker, color=tints[one.name], label=words)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        _legend(figure, axes)
        return _svg(figure)


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no other is better than in both, by rising first number.

    Args:
        points: of both less is better.
    """
    best: list[tuple[float, float]] = []
    for point in sorted(set(points)):
        if not best or point[1] < best[-1][1]:
            best.append(point)
    return best


def _figure(height: float) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    size = (_WIDTH / DPI, height / DPI)
    figure = Figure(figsize=size, layout="constrained", facecolor="none")
    axes = figure.add_subplot(facecolor="none")
    return figure, axes


def _boxes(axes: Any, rows: Sequence[Sequence[float]], tints: Sequence[str]) -> None:
    boxed = [row for row, values in enumerate(rows) if len(values) >= LEAST_FOR_TEST]
    if not boxed:
        return
    style = {"orientation": "horizontal", "widths": 0.62, "showfliers": False}
    drawn = axes.boxplot([rows[row] for row in boxed], positions=boxed, **style)
    for lines in drawn.values():
        # Whiskers and caps come in twos.
        each = len(lines) // len(boxed)
        for number, line in enumerate(lines):
            line.set(color=tints[boxed[number // each]], alpha=0.55, linewidth=1.4)


def _legend(figure: Figure, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    # Of letters and of the sign before them, in pixels.
    widest = max(7 * len(label) + 48 for label in labels)
    columns = max(1, min(4, len(labels), _WIDTH // widest))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns)


def _svg(figure: Figure) -> str:
    """Return a figure for a page: as wide as its place, without names that another may have."""
    text = re.sub(r"<metadata>.*?</metadata>", "", to_svg(figure), flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 role="img"', text, count=1)
    used = set(re.findall(r"#([\w.-]+)", text))
    return re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", text)


def _scale(value: str) -> float:
    return 100.0 if is_share(value) else 1.0


def _label(value: str) -> str:
    return f"{value} (%)" if is_share(value) else value


def _shift(index: int) -> float:
    """Return a place between -1 and 1; those of following indices lie far apart."""
    return ((index * 0.618034) % 1.0) * 2 - 1 if index else 0.0


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _in_figures(value: float, _: int) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.4g} M"
    return f"{value / 1e3:,.4g} k" if abs(value) >= 1e4 else short(value)
