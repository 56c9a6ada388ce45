"""pareto.csv and pareto.png at the end of a search with constraints."""

from __future__ import annotations

import csv
import json
from typing import Any

import numpy as np
import PIL.Image
import pytest

from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.hard_bounds import HardBounds
from nnabla_nas.estimator.pareto import sweep
from nnabla_nas.runner.pareto import write_pareto
from nnabla_nas.search_space import darts, mobilenet, pnas, zoph
from nnabla_nas.search_space.model import Model

SHAPE = (1, 8, 8)
SPACES = {
    "mobilenet": lambda: mobilenet.SearchNet(10, 1, [[16, 3, 1], [24, 2, 2]], in_channels=1),
    "darts": lambda: darts.Darts.SearchNet(1, 4, 3, 10, 3, 3, shared=True),
    "pnas": lambda: pnas.Pnas.SearchNet(1, 4, 3, 10, 2, 2),
    "zoph": lambda: zoph.Zoph.SearchNet(
        "", SHAPE, 10, 4, cell_depth=(2, 2, 2), cell_channels=[4] * 3
    ),
}


def learned(space: str) -> tuple[Model, list[Constraint]]:
    model, generator = SPACES[space](), np.random.default_rng(2)
    for alpha in model.get_arch_parameters().values():
        alpha.d = generator.normal(size=alpha.shape)
    speed = Constraint("speed", "FLOPsEstimator", FLOPsEstimator(), 1.0, 0.1, model, SHAPE, True)
    size = Constraint("size", "ParameterEstimator", ParameterEstimator(), 1e9, 0.1, model, SHAPE)
    most, least = sweep_ends(speed, model)
    speed.bound = (most + least) / 2
    return model, [speed, size]


def sweep_ends(one: Constraint, model: Model) -> tuple[float, float]:
    front = sweep(one, [one], model, {}, None)
    return front.points[-1].costs[one.key], front.points[0].costs[one.key]


@pytest.mark.parametrize("space", SPACES)
def test_more_may_cost_more_and_is_more_probable(space: str) -> None:
    model, constraints = learned(space)
    hard = HardBounds(constraints[:1], model)
    front = sweep(constraints[0], constraints, model, hard.bounds, hard.decode())
    costs = [point.costs["speed"] for point in front.points]
    probabilities = [point.log_probability for point in front.points]
    assert len(costs) > 3
    assert costs == sorted(set(costs))
    assert probabilities == sorted(set(probabilities))
    assert front.found.indices in [point.indices for point in front.points]
    # The last one is what would be decoded without a bound.
    ordinary = model.in_brief(front.points[-1].indices), model.decode()
    model.decoder = lambda: front.points[-1].indices
    assert (model.in_brief(front.points[-1].indices), model.decode()) == ordinary
    # Every point costs what its network costs.
    for point in front.points[:: len(costs) - 1]:
        model.decoder = lambda point=point: point.indices
        derived = model.derived()
        for one in constraints:
            assert one.estimator.estimate(derived, SHAPE) == point.costs[one.key]
    model.decoder = None


@pytest.mark.parametrize("space", SPACES)
def test_a_binding_bound_holds_while_another_is_swept(space: str) -> None:
    model, constraints = learned(space)
    speed, size = constraints
    front = sweep(size, constraints, model, {"speed": speed.bound}, None)
    assert front.points
    assert all(point.costs["speed"] <= speed.bound for point in front.points)
    impossible = sweep(size, constraints, model, {"speed": 1.0}, None)
    assert impossible.points == []


def test_the_files_say_what_is_what(tmp_path, build, search_json) -> None:
    speed = {"name": "FLOPsEstimator", "bound": 40000, "weight": 0.5, "hard": True}
    memory = {"name": "MemoryEstimator", "bound": 5e5}
    searcher = build(search_json, regularizer={"speed": speed, "size": memory}, epoch=1, warmup=0)
    assert searcher.run() == 0
    folder = searcher.folder
    with folder.pareto_csv.open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [
        "swept",
        "bound",
        "log_probability (nats)",
        "speed (multiply-adds)",
        "size (scalars)",
        "architecture",
    ]
    assert {row["swept"] for row in rows} == {"speed", "size"}
    words = json.loads(folder.arch_json.read_text())
    found = "; ".join(choice["operation"] for choice in words["choices"])
    of_found = [row for row in rows if row["architecture"] == found and row["swept"] == "speed"]
    assert float(of_found[0]["speed (multiply-adds)"]) == words["multiply_adds"]
    # Pictures are switched off here.
    assert not folder.pareto_png.exists()


def test_without_constraints_there_is_no_table(build, search_json) -> None:
    searcher = build(search_json, epoch=1, warmup=0)
    searcher.run()
    assert not searcher.folder.pareto_csv.exists()


def test_the_picture_shows_a_panel_for_every_constraint(build, search_json) -> None:
    folder: Any = build(search_json).folder
    model, constraints = learned("mobilenet")
    fronts = {one.key: sweep(one, constraints, model, {}, None) for one in constraints}
    write_pareto(folder, model, constraints, fronts, True)
    with PIL.Image.open(folder.pareto_png) as picture:
        assert picture.size == (640, 680)
        colours = {colour for _, colour in picture.getcolors(100000)}
    # Curve, bound, mark.
    assert {(8, 69, 148), (179, 64, 42), (27, 127, 75)} <= colours
