"""Loss and error that stay on the device until they are read."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_nas.runner import score as score_module
from nnabla_nas.runner.score import Readings, Score, read_together

STAND_IN = nn.Context(["cudnn:float", "cpu:float"], "CpuCachedArray", "0")


def scalar(value: float) -> nn.Variable:
    variable = nn.Variable(())
    variable.d = value
    return variable


def made(passes: list[tuple[float, float]]) -> Score:
    """Return the score of some passes of one graph, each overwriting what the last one left."""
    score, loss, error = Score(), nn.Variable(()), nn.Variable(())
    for loss.d, error.d in passes:
        score.add(loss, error)
    loss.d = error.d = np.nan
    return score


def test_the_numbers_are_the_same_wherever_they_are_read() -> None:
    rng = np.random.default_rng(0)
    batches = [rng.random((n, 2)).astype(np.float32).tolist() for n in (1, 3, 8)]
    host = [tuple(made(passes)) for passes in batches]
    with nn.context_scope(STAND_IN):
        alone = [tuple(made(passes)) for passes in batches]
        scores = [made(passes) for passes in batches]
        read_together(scores)
    assert host == alone == [tuple(score) for score in scores]
    assert host[0] == tuple(batches[0][0])


def test_readings_wait_on_a_device_and_are_read_in_one_copy(monkeypatch) -> None:
    copies: list[int] = []
    stack = score_module.F.stack
    used: list[tuple[float, float]] = []
    with nn.context_scope(STAND_IN):
        readings = Readings(at_once=False)
        readings.add(made([(1.0, 0.5), (2.0, 0.25)]), lambda *pair: used.append(pair))
        readings.add(made([(4.0, 1.0)]), lambda *pair: used.append(pair))
        assert used == []
        monkeypatch.setattr(
            score_module.F, "stack", lambda *arrays: (copies.append(len(arrays)), stack(*arrays))[1]
        )
        readings.read()
        readings.read()
    assert used == [(1.5, 0.375), (4.0, 1.0)]
    assert copies == [3]


def test_readings_on_the_cpu_are_used_at_once() -> None:
    used: list[tuple[float, float]] = []
    Readings(at_once=True).add(made([(1.0, 0.5)]), lambda *pair: used.append(pair))
    assert used == [(1.0, 0.5)]


def test_a_score_is_a_pair() -> None:
    loss, error = score = made([(1.0, 0.5)])
    assert (loss, error, score[0], score[1], len(score)) == (1.0, 0.5, 1.0, 0.5, 2)
    with pytest.raises(IndexError):
        score[2]
