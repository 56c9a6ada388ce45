"""pareto.csv and pareto.png of judged architectures: error against each cost."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nnabla_nas.artifact.plotting import DPI, drawing, to_image
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.runner.candidates import Candidate, best_of
from nnabla_nas.runner.pareto_picture import BOUND, CURVE, HEIGHT, MARK, WIDTH, in_figures
from nnabla_nas.search_space.encoding import Code

_OTHERS = "#9db4d0"


def front(candidates: Sequence[Candidate], key: str) -> list[Candidate]:
    """Return those that no other beats in error or cost without being worse in the other.

    Where some were trained longer than others, only those trained longest count.

    Args:
        candidates: what was judged.
        key: the cost's.

    Returns:
        The front, by rising cost and falling error.
    """
    longest = max((one.judgement.epochs for one in candidates), default=0)
    comparable = [one for one in candidates if one.judgement.epochs == longest]
    best: list[Candidate] = []
    for one in sorted(comparable, key=lambda c: (c.costs[key], c.error)):
        if not best or one.error < best[-1].error:
            best.append(one)
    return best


def write_judged_pareto(
    folder: RunFolder,
    judged: Sequence[Candidate],
    units: Mapping[str, str],
    in_words: Callable[[Code], tuple[str, str]],
) -> None:
    """Write the front for each cost.

    Args:
        folder: the output folder, open.
        judged: all architectures that were judged.
        units: per cost its unit.
        in_words: returns code and operations of an architecture as text.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    costs = [f"{key} ({unit})" for key, unit in units.items()]
    table.writerow(["against", "error", *costs, "code", "architecture"])
    for key in units:
        for one in front(judged, key):
            values = [one.costs[name] for name in units]
            table.writerow([key, one.error, *values, *in_words(one.code)])
    folder.write_text(folder.pareto_csv, text.getvalue())


def draw_judged_pareto(
    folder: RunFolder,
    judged: Sequence[Candidate],
    units: Mapping[str, str],
    bounds: Mapping[str, float],
    what: str,
) -> None:
    """Draw all architectures that were judged, and the front, for each cost.

    Args:
        folder: the output folder, open.
        judged: the architectures.
        units: per cost its unit.
        bounds: by key the bounds of those that have one.
        what: what they were judged by.
    """
    with drawing():
        from matplotlib.figure import Figure

        size = (WIDTH / DPI, HEIGHT * len(units) / DPI)
        figure = Figure(figsize=size, layout="constrained", facecolor="white")
        for row, key in enumerate(units):
            axes = figure.add_subplot(len(units), 1, row + 1)
            _draw(axes, judged, key, bounds.get(key))
            axes.set_title(
                f"{key}: the architectures judged, the best for their cost", loc="left", pad=28
            )
            axes.set_xlabel(f"{key} ({units[key]})")
            axes.set_ylabel(what)
        picture = to_image(figure)
    with folder.replacing(folder.pareto_png) as path:
        picture.save(path, format="PNG")


def _draw(axes: Any, judged: Sequence[Candidate], key: str, bound: float | None) -> None:
    best, found = front(judged, key), best_of(judged)
    costs = [one.costs[key] for one in judged]
    axes.plot(costs, [one.error for one in judged], "o", color=_OTHERS, markersize=4)
    axes.plot([c.costs[key] for c in best], [c.error for c in best], "o-", color=CURVE)
    ring = {"markersize": 13, "markerfacecolor": "none", "markeredgewidth": 2}
    axes.plot([found.costs[key]], [found.error], "o", color=MARK, **ring, label="found")
    if bound is not None:
        label = f"bound: {bound:,.6g}"
        line = axes.plot([], [], color=BOUND, linewidth=2, label=label)
        # A line far away would leave no room for the points.
        if 2 * min(costs) - max(costs) <= bound <= 2 * max(costs) - min(costs):
            axes.axvline(bound, color=line[0].get_color(), linewidth=2, zorder=1)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    axes.xaxis.set_major_formatter(in_figures)
