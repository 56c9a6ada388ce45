"""Judging by short trainings: alike for all, and longer for those that promise more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnabla_nas.runner.candidates import Candidate, Judgement
from nnabla_nas.runner.evaluator.train import is_promoted
from nnabla_nas.testing import TOY_SPACE, small_experiment

NETWORK = {"search_space": TOY_SPACE, "n_blocks": 2}


def runner(build: Callable[..., Any], epoch: int | list[int]) -> Any:
    evaluator = {"name": "Train", "epoch": epoch}
    algorithm = {"name": "RandomSearcher", "evaluations": 4, "evaluator": evaluator}
    return build(small_experiment(algorithm, NETWORK))


def judged(*history: float) -> Candidate:
    return Candidate((0, 0), Judgement(history[-1], 0, 1, history), {}, history[-1])


def test_an_architecture_is_judged_alike_whenever_it_is(build: Callable[..., Any]) -> None:
    search = runner(build, 1)
    first = search.evaluator.judge((0, 1), 0, [])
    search.evaluator.judge((1, 1), 1, [])
    search.evaluator.restore()
    assert search.evaluator.judge((0, 1), 2, []) == first
    # Two updates of twelve images, and the other half of the images to judge.
    assert (first.examples, first.epochs, first.history) == (2 * 12 + 24, 1, ())


def test_training_moves_the_weights_and_gives_them_back(build: Callable[..., Any]) -> None:
    search = runner(build, 1)
    before = {path: p.d.copy() for path, p in search.model.get_parameters().items()}
    search.evaluator.judge((0, 0), 0, [])
    moved = [k for k, p in search.model.get_parameters().items() if (p.d != before[k]).any()]
    assert moved
    search.evaluator.restore()
    for path, parameter in search.model.get_parameters().items():
        assert np.array_equal(parameter.d, before[path])


def test_a_training_goes_on_while_it_is_among_the_best(build: Callable[..., Any]) -> None:
    search = runner(build, [1, 2, 4])
    alone = search.evaluator.judge((0, 0), 0, [])
    assert (alone.epochs, len(alone.history)) == (4, 3)
    assert alone.error == alone.history[-1]
    better = [judged(-1.0)] * 3
    stopped = search.evaluator.judge((0, 0), 3, better)
    assert (stopped.epochs, stopped.history) == (1, alone.history[:1])
    second = search.evaluator.judge((0, 0), 3, [judged(2.0, -1.0)] * 3)
    assert (second.epochs, second.history) == (2, alone.history[:2])


@pytest.mark.parametrize(
    ("error", "before", "expected"),
    [
        (0.5, [], True),
        (0.5, [0.4], False),
        (0.5, [0.6], True),
        (0.5, [0.6, 0.4], False),
        (0.5, [0.4, 0.6, 0.7, 0.8, 0.9], True),
        (0.5, [0.3, 0.4, 0.7, 0.8, 0.9], False),
    ],
)
def test_the_best_third_is_promoted(error: float, before: list[float], expected: bool) -> None:
    assert is_promoted(error, before) == expected


def test_what_diverges_is_the_worst_and_ends_nothing(build: Callable[..., Any]) -> None:
    search = runner(build, 1)
    search.evaluator._initial = {k: v * np.nan for k, v in search.evaluator._initial.items()}
    assert search.evaluator.judge((0, 0), 0, []).error == 1.0
