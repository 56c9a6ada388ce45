"""What is done to gradients where reading them would be waiting, on a stand-in for a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import nnabla as nn
import nnabla.solvers as S
import numpy as np
import pytest

from nnabla_nas.optimizer import Optimizer, optimizer

# nnabla falls through to the CPU's functions where those of the first kind are not registered.
STAND_IN = nn.Context(["cudnn:float", "cpu:float"], "CpuCachedArray", "0")
SHAPES = {"w": (3, 4), "b": (5,), "k": (2, 3, 3, 3), "s": (1,), "inactive": (4,)}


@contextmanager
def on_cpu() -> Iterator[None]:
    yield


def updated(
    scope, solver=S.Momentum, scale: float = 1.0, **options
) -> tuple[dict[str, np.ndarray], dict[str, nn.Variable], float | None]:
    """Return parameters after two updates, their variables, and what the last one returned."""
    rng = np.random.default_rng(1)
    variables = {name: nn.Variable(shape, need_grad=True) for name, shape in SHAPES.items()}
    for variable in variables.values():
        variable.d = rng.normal(size=variable.shape)
    with scope:
        one = Optimizer(
            variables,
            solver,
            {},
            n_updates=10,
            lr_scheduler=None,
            lr_scheduler_arguments={},
            **options,
        )
        for _ in range(2):
            one.zero_grad()
            for name, variable in variables.items():
                if name != "inactive":
                    variable.g = scale * rng.normal(size=variable.shape)
            norm = one.update()
    assert variables["inactive"].grad.zeroing
    return {name: v.d.copy() for name, v in variables.items()}, variables, norm


@pytest.mark.parametrize("mode", ["global", "per_parameter"])
@pytest.mark.parametrize("limit", [0.5, 3.0, 1e3])
@pytest.mark.parametrize("solver", [S.Sgd, S.Momentum, S.Adam, S.AdamW, S.SgdW])
def test_gradients_are_clipped_and_decayed_as_on_the_cpu(solver, limit: float, mode: str) -> None:
    options = {"grad_clip": limit, "grad_clip_mode": mode, "weight_decay": 0.1}
    host, before, norm = updated(on_cpu(), solver, **options)
    device, after, unread = updated(nn.context_scope(STAND_IN), solver, **options)
    assert norm > 0
    assert unread is None
    for name in SHAPES:
        np.testing.assert_allclose(after[name].g, before[name].g, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(device[name], host[name], rtol=1e-6, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("mode", ["global", "per_parameter"])
def test_gradients_that_are_zero_stay_so(mode: str) -> None:
    options = {"grad_clip": 1.0, "grad_clip_mode": mode}
    _, variables, _ = updated(nn.context_scope(STAND_IN), scale=0.0, **options)
    assert not any(variables[name].g.any() for name in SHAPES if name != "inactive")


def test_clipping_on_a_device_copies_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer, "clip_on_host", lambda *_: pytest.fail("clipped on the host"))
    updated(nn.context_scope(STAND_IN), grad_clip=1.0)


def test_without_active_parameters_nothing_is_clipped() -> None:
    with nn.context_scope(STAND_IN):
        variable = nn.Variable((2,), need_grad=True)
        variable.d = [1.0, 2.0]
        one = Optimizer(
            {"w": variable},
            S.Momentum,
            {},
            n_updates=1,
            lr_scheduler=None,
            lr_scheduler_arguments={},
            grad_clip=1.0,
        )
        one.update()
    assert variable.d.tolist() == [1.0, 2.0]
