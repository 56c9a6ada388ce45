"""Dynamic loss scaling: what changes with the scale, and what must not."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np
import pytest

from nnabla_nas.errors import DivergedError
from nnabla_nas.optimizer import Optimizer
from nnabla_nas.optimizer.loss_scale import LossScale

GRADIENTS = np.random.default_rng(0).normal(size=(6, 3)).tolist()


def make(loss_scale: LossScale | None, **options) -> tuple[nn.Variable, nn.Variable, Optimizer]:
    """Return a parameter that learns, one that never gets a gradient, and their optimizer."""
    learning, idle = nn.Variable((3,), need_grad=True), nn.Variable((2,), need_grad=True)
    learning.d, idle.d = [1.0, -2.0, 0.5], [1.0, 2.0]
    optimizer = Optimizer(
        {"learning": learning, "idle": idle},
        options.pop("solver", S.Momentum),
        {},
        n_updates=10,
        lr_scheduler=None,
        lr_scheduler_arguments={},
        loss_scale=loss_scale,
        grad_clip=1.0,
        weight_decay=0.01,
    )
    return learning, idle, optimizer


def update(parameter: nn.Variable, optimizer: Optimizer, gradient: list[float]) -> bool:
    """Do one update with a gradient, as a runner does it."""
    factor = nn.Variable((3,))
    factor.d = gradient
    loss = F.sum(factor * parameter)
    optimizer.zero_grad()
    loss.forward()
    loss.backward(optimizer.scale)
    learned = optimizer.unscale()
    optimizer.update()
    return learned


@pytest.mark.parametrize("solver", [S.Momentum, S.Adam])
def test_the_scale_does_not_change_the_result(solver) -> None:
    scaled, plain = make(LossScale(interval=2), solver=solver), make(None, solver=solver)
    for gradient in GRADIENTS:
        for parameter, _, optimizer in (scaled, plain):
            assert update(parameter, optimizer, gradient)
    # Powers of two: not even the rounding differs.
    np.testing.assert_array_equal(scaled[0].d, plain[0].d)
    assert scaled[2].scale == 2.0**18
    assert plain[2].scale == 1.0


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("solver", [S.Momentum, S.Adam])
def test_an_update_that_overflows_is_left_out(solver, bad: float) -> None:
    (scaled, idle, optimizer), (plain, _, reference) = (
        make(LossScale(), solver=solver),
        make(None, solver=solver),
    )
    for gradient in GRADIENTS[:3]:
        update(scaled, optimizer, gradient)
        update(plain, reference, gradient)
    state = optimizer.state_dict()
    before = scaled.d.copy()
    assert not update(scaled, optimizer, [1.0, bad, 1.0])
    after = optimizer.state_dict()
    np.testing.assert_array_equal(scaled.d, before)
    for key, array in state["solver"]["learning"]["arrays"].items():
        np.testing.assert_array_equal(after["solver"]["learning"]["arrays"][key], array)
    assert after["solver"]["learning"]["t"] == state["solver"]["learning"]["t"]
    # The schedule counts it: it still ends with the run.
    assert after["updates"] == 4
    assert optimizer.scale == 2.0**14
    for gradient in GRADIENTS[3:]:
        update(scaled, optimizer, gradient)
        update(plain, reference, gradient)
    np.testing.assert_array_equal(scaled.d, plain.d)
    assert idle.grad.zeroing
    assert idle.d.tolist() == [1.0, 2.0]


def test_an_overflow_begins_the_count_anew() -> None:
    scale = LossScale(scale=8.0, interval=3)
    seen = []
    for finite in (True, True, False, True, True, True, True, True, True, False):
        scale.adapt(finite)
        seen.append(scale.scale)
    assert seen == [8, 8, 4, 4, 4, 8, 8, 8, 16, 8]


def test_a_restored_optimizer_keeps_scale_and_count() -> None:
    first, second = make(LossScale(interval=4)), make(LossScale(interval=4))
    update(first[0], first[2], [1.0, np.inf, 1.0])
    for gradient in GRADIENTS[:3]:
        update(first[0], first[2], gradient)
    second[2].load_state_dict(first[2].state_dict())
    assert second[2].scale == first[2].scale == 2.0**14
    update(second[0], second[2], GRADIENTS[3])
    assert second[2].scale == 2.0**15


def test_gradients_that_are_never_finite_end_the_run() -> None:
    parameter, _, optimizer = make(LossScale())
    for _ in range(25):
        assert not update(parameter, optimizer, [np.nan, 0.0, 0.0])
    with pytest.raises(DivergedError, match="not finite at any loss scale"):
        update(parameter, optimizer, [np.nan, 0.0, 0.0])


def test_gradients_as_large_as_half_precision_allows_are_finite() -> None:
    parameter, _, optimizer = make(LossScale(scale=1.0))
    assert update(parameter, optimizer, [65504.0] * 3)
