"""pareto.csv and pareto.png: the best architectures for a sweep of bounds."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.pareto import Front
from nnabla_nas.runner.pareto_picture import draw_fronts
from nnabla_nas.search_space.model import Model

Fronts = Mapping[str, Front]


def write_pareto(
    folder: RunFolder,
    model: Model,
    constraints: Sequence[Constraint],
    fronts: Fronts,
    visualize: bool,
) -> None:
    """Write the table, and unless told otherwise the picture.

    Args:
        folder: the output folder, open.
        model: the network.
        constraints: all constraints of the search.
        fronts: by the keys of the constraints what a sweep of their bounds leads to.
        visualize: whether to draw.
    """
    folder.write_text(folder.pareto_csv, _table(model, constraints, fronts))
    drawn = [(one, fronts[one.key]) for one in constraints if fronts[one.key].points]
    if visualize and drawn:
        with folder.replacing(folder.pareto_png) as path:
            draw_fronts(drawn).save(path, format="PNG")


def _table(model: Model, constraints: Sequence[Constraint], fronts: Fronts) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    costs = [f"{one.key} ({one.estimator.unit})" for one in constraints]
    table.writerow(["swept", "bound", "log_probability (nats)", *costs, "architecture"])
    for key, front in fronts.items():
        for point in front.points:
            row: list[Any] = [key, point.bound, point.log_probability]
            row += [point.costs[one.key] for one in constraints]
            table.writerow([*row, model.in_brief(point.indices)])
    return text.getvalue()
