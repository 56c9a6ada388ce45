"""An update of which only some entries of a parameter take part."""

from __future__ import annotations

from typing import Any

import nnabla as nn
import numpy as np
import pytest

from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.registry import solvers


def optimizer(p: nn.Variable, solver: str, **changes: Any) -> Optimizer:
    return Optimizer(
        {"p": p},
        solvers.get(solver),
        {},
        n_updates=9,
        lr_scheduler=None,
        lr_scheduler_arguments={},
        **changes,
    )


@pytest.mark.parametrize("solver", ["Sgd", "Momentum", "Adam", "AdamW", "AMSGRAD", "Lion"])
def test_entries_that_take_no_part_keep_value_and_solver_state(solver: str) -> None:
    p = nn.Variable.from_numpy_array(np.arange(4.0, dtype=np.float32))
    p.need_grad = True
    tested = optimizer(p, solver, weight_decay=0.1)
    p.g = np.array([1, -2, 3, -4.0])
    tested.update()
    before, state = p.d.copy(), tested.state_dict()["solver"]["p"]["arrays"]
    p.g = np.ones(4)
    moves = np.array([True, False, False, True])
    tested.update(only={"p": moves})
    assert (p.d != before).tolist() == moves.tolist()
    for key, array in tested.state_dict()["solver"]["p"]["arrays"].items():
        np.testing.assert_array_equal(array[~moves], state[key][~moves])


def test_entries_that_take_part_move_as_ever() -> None:
    def moved(only: Any) -> np.ndarray:
        p = nn.Variable.from_numpy_array(np.arange(4.0, dtype=np.float32))
        p.need_grad = True
        tested = optimizer(p, "Adam")
        for step in range(3):
            p.g = np.array([1, -2, 3, -4.0]) * (step + 1)
            tested.update(only=only)
        return p.d.copy()

    moves = np.array([True, True, False, True])
    np.testing.assert_array_equal(moved({"p": moves})[moves], moved(None)[moves])
