"""The most probable architectures for a sweep of bounds as curves, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nnabla_nas.artifact.plotting import DPI, drawing, to_image
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.pareto import Front

if TYPE_CHECKING:
    from PIL.Image import Image

_WIDTH, _HEIGHT = 640, 340
_CURVE, _BOUND, _MARK = "#084594", "#b3402a", "#1b7f4b"


def draw_fronts(fronts: Sequence[tuple[Constraint, Front]]) -> Image:
    """Draw log-probability over cost, one panel for each constraint that was swept.

    Args:
        fronts: the constraints, and what the sweep of each leads to; none of them is empty.
    """
    with drawing():
        from matplotlib.figure import Figure

        size = (_WIDTH / DPI, _HEIGHT * len(fronts) / DPI)
        figure = Figure(figsize=size, facecolor="white")
        figure.set_layout_engine("constrained", h_pad=0.12, w_pad=0.12)
        for row, (swept, front) in enumerate(fronts):
            _draw(figure.add_subplot(len(fronts), 1, row + 1), swept, front)
        return to_image(figure)


def _draw(axes: Any, swept: Constraint, front: Front) -> None:
    unit = swept.estimator.unit
    costs = [point.costs[swept.key] for point in front.points]
    found = front.found.costs[swept.key]
    axes.plot(costs, [p.log_probability for p in front.points], "o-", color=_CURVE, markersize=6)
    ring = {"markersize": 13, "markerfacecolor": "none", "markeredgewidth": 2}
    place = ([found], [front.found.log_probability])
    axes.plot(*place, "o", color=_MARK, **ring, label="found")
    # A line far away would leave no room for the curve.
    low, high = min(*costs, found), max(*costs, found)
    bound = f"bound: {_in_figures(swept.bound, 0)} {unit}"
    line = axes.plot([], [], color=_BOUND, linewidth=2, label=bound)
    if 2 * low - high <= swept.bound <= 2 * high - low:
        axes.axvline(swept.bound, color=line[0].get_color(), linewidth=2, zorder=1)
    axes.set_title(
        f"{swept.key}: the most probable architectures for a sweep of bounds", loc="left", pad=28
    )
    axes.set_xlabel(f"{swept.name} ({unit})")
    axes.set_ylabel("log-probability (nats)")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    axes.xaxis.set_major_formatter(_in_figures)


def _in_figures(value: float, _: int) -> str:
    """Return a number as axes show it, millions as M."""
    return f"{value:,.6g}" if abs(value) < 1e6 or abs(value) >= 1e12 else f"{value / 1e6:,.6g} M"
