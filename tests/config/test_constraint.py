"""The key `regularizer`: bounds by estimators."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nnabla_nas.config import read_experiment
from nnabla_nas.config.completion import complete
from nnabla_nas.config.constraint_arguments import build_estimator
from nnabla_nas.errors import InputError
from nnabla_nas.registry import register_estimator

Write = Callable[[Any], str]


@register_estimator("ToyEstimator")
class ToyEstimator:
    def __init__(self, scale: int, factor: float = 2.0) -> None:
        self.given = (scale, factor)


def test_arguments_are_checked_completed_and_given(write: Write, search: dict[str, Any]) -> None:
    search["regularizer"] = {"mine": {"name": "ToyEstimator", "bound": 3, "scale": 7}}
    experiment, _ = complete(read_experiment(write(search)))
    assert experiment.to_json()["regularizer"] == {
        "mine": {
            "name": "ToyEstimator",
            "bound": 3,
            "weight": 0.1,
            "hard": False,
            "scale": 7,
            "factor": 2.0,
        }
    }
    assert build_estimator(experiment.regularizer["mine"]).given == (7, 2.0)
    again, _ = complete(read_experiment(write(json.loads(json.dumps(experiment.to_json())))))
    assert again == experiment


@pytest.mark.parametrize(
    ("regularizer", "line"),
    [
        ([], "regularizer: got []; allowed an object: a name of your choice"),
        ({"a": 3}, "regularizer.a: got 3; allowed an object with 'name'"),
        ({"a": {"bound": 3}}, "'name' (an estimator)"),
        ({"a": {"name": "ToyEstimator"}}, "'bound' is missing"),
        (
            {"a": {"name": "ToyEstimtor", "bound": 1}},
            'regularizer.a.name: got "ToyEstimtor"; allowed',
        ),
        (
            {"a": {"name": "ToyEstimator", "bound": 0, "scale": 1}},
            "regularizer.a.bound: got 0; allowed a number > 0, in the estimator's unit",
        ),
        (
            {"a": {"name": "ToyEstimator", "bound": 1, "weight": -1, "scale": 1}},
            "regularizer.a.weight: got -1; allowed a number >= 0",
        ),
        (
            {"a": {"name": "ToyEstimator", "bound": 1, "hard": 1, "scale": 1}},
            "regularizer.a.hard: got 1; allowed true or false",
        ),
        (
            {"a": {"name": "ToyEstimator", "bound": 1}},
            "regularizer.a.scale: is missing; allowed an integer",
        ),
        (
            {"a": {"name": "ToyEstimator", "bound": 1, "scale": 1, "facto": 2}},
            "regularizer.a.facto: unknown argument; allowed factor, scale; did you mean 'factor'?",
        ),
    ],
)
def test_a_fault_is_one_line_that_names_the_key(
    write: Write, search: dict[str, Any], regularizer: Any, line: str
) -> None:
    search["regularizer"] = regularizer
    with pytest.raises(InputError) as caught:
        complete(read_experiment(write(search)))
    (fault,) = caught.value.faults
    assert line in fault
