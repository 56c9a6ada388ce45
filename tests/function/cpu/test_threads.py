"""The number of threads changes no byte of any result."""

from __future__ import annotations

from collections.abc import Iterator

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numba
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.search_space.darts.cell import Cell
from nnabla_nas.search_space.mobilenet import SearchNet

pytestmark = pytest.mark.skipif(
    numba.config.NUMBA_NUM_THREADS < 2, reason="there is one core to compute on"
)


@pytest.fixture(autouse=True)
def restored_threads() -> Iterator[None]:
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


def images(*shape: int) -> nn.Variable:
    x = nn.Variable.from_numpy_array(np.random.default_rng(2).normal(size=shape))
    x.need_grad = True
    return x


def step(model: Mo.Module, *inputs: nn.Variable) -> dict[str, bytes]:
    """Return output, gradients and parameters after an update."""
    y = model(*inputs)
    loss = F.mean(F.pow_scalar(y, 2.0))
    parameters = model.get_parameters(grad_only=True)
    solver = S.Momentum(0.1)
    solver.set_parameters(parameters)
    solver.zero_grad()
    for x in inputs:
        x.grad.zero()
    # y's values are read behind the backward pass.
    y.persistent = True
    loss.forward(clear_no_need_grad=True)
    loss.backward(clear_buffer=True)
    found = {"output": y.d.tobytes(), "loss": loss.d.tobytes()}
    found.update({f"input {i}": x.g.tobytes() for i, x in enumerate(inputs)})
    found.update({f"gradient of {name}": p.g.tobytes() for name, p in parameters.items()})
    solver.update()
    found.update({name: p.d.tobytes() for name, p in model.get_parameters().items()})
    return found


def mobilenet_step(function_names) -> dict[str, bytes]:
    model = SearchNet(
        num_classes=4,
        settings=[[16, 2, 1], [24, 1, 2]],
        width_mult=0.5,
        stem_stride=1,
        mode="full",
        candidates=["MB1 3x3", "MB3 5x5"],
    )
    x = images(8, 3, 16, 16)
    assert "Program" in function_names(model(x))
    return step(model, x)


def cell_step(function_names) -> dict[str, bytes]:
    model = Cell(2, 2, (8, 8, 8), (False, True))
    inputs = images(8, 8, 17, 16), images(8, 8, 17, 16)
    assert "Program" in function_names(model(*inputs))
    return step(model, *inputs)


@pytest.mark.parametrize("one_step", [mobilenet_step, cell_step])
def test_a_step_of_one_and_of_two_threads(function_names, one_step) -> None:
    found = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        assert numba.get_num_threads() == threads
        with random.use(random.Streams(0)):
            found.append(one_step(function_names))
    one, two = found
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
