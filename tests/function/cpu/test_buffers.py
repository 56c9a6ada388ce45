"""Memory that functions share, and what is kept between the passes."""

from __future__ import annotations

from collections import defaultdict

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.function as function
from nnabla_nas.function import buffers

SIZE = 10_007


def network() -> tuple[list[nn.Variable], nn.Variable]:
    """Return the leaves and the output of a unit of all stages."""
    rng = np.random.default_rng(0)
    shapes = [(2, 4, 6, 5), (4, 1, 3, 3), (6, 4, 1, 1), *[(1, 6, 1, 1)] * 4]
    leaves = [nn.Variable.from_numpy_array(rng.normal(size=s)) for s in shapes]
    for leaf in leaves[:-2]:
        leaf.need_grad = True
    x, filters, mixing, *parameters = leaves
    with function.Building(lambda: True) as building:
        y = function.convolution(function.relu(x), filters, pad=(1, 1), group=4)
        y = function.batch_normalization(function.convolution(y, mixing), *parameters)
        y = building.wants(function.relu6(y))
    return leaves[:-2], y


def gradients(leaves: list[nn.Variable], y: nn.Variable) -> list[np.ndarray]:
    for leaf in leaves:
        leaf.grad.zero()
    y.backward(nn.NdArray.from_numpy_array(np.random.default_rng(1).normal(size=y.shape)))
    return [leaf.g.copy() for leaf in leaves]


@pytest.fixture
def no_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without what other tests have left."""
    monkeypatch.setattr(buffers, "_free", defaultdict(list))
    monkeypatch.setattr(buffers, "_sizes", [])


@pytest.mark.usefixtures("no_buffers")
def test_a_buffer_that_was_given_back_is_taken_again() -> None:
    first, second = buffers.take(SIZE), buffers.take(SIZE)
    assert first.address != second.address
    buffers.give(first)
    other = buffers.take(SIZE + 1)
    assert other is not first
    assert other.size == SIZE + 1
    assert buffers.take(SIZE) is first
    buffers.give(second)
    assert buffers.take(SIZE) is second


@pytest.mark.usefixtures("no_buffers")
def test_a_larger_buffer_is_taken_before_memory_is() -> None:
    large = buffers.take(40 * SIZE)
    buffers.give(large)
    assert buffers.take(25 * SIZE) is large
    buffers.give(large)
    # One of more than twice the size is kept for what needs it.
    assert buffers.take(19 * SIZE) is not large
    assert buffers.take(40 * SIZE) is large


def test_a_second_backward_pass_gives_the_same_gradients() -> None:
    leaves, y = network()
    y.forward()
    first, second = gradients(leaves, y), gradients(leaves, y)
    assert all(np.any(g) for g in first)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_last_backward_pass_gives_back_all_that_is_kept() -> None:
    leaves, y = network()
    y.forward()
    expected = gradients(leaves, y)
    assert len(buffers._passes.get()._keepers) == 1
    y.forward()
    (part,) = buffers._passes.get()._keepers.values()
    kept = list(part._activations.live.values())
    assert kept
    with function.last_backward():
        found = gradients(leaves, y)
    assert not buffers._passes.get()._keepers
    assert all(any(one is free for free in buffers._free[one.size]) for one in kept)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_pass_takes_no_memory_that_another_left() -> None:
    leaves, y = network()
    counts = []
    for _ in range(4):
        y.forward()
        with function.last_backward():
            gradients(leaves, y)
        counts.append(sum(map(len, buffers._free.values())))
    assert len(set(counts)) == 1


def test_what_is_not_run_backward_is_given_back_as_well() -> None:
    _, y = network()
    y.forward()
    with function.last_backward():
        pass
    assert not buffers._passes.get()._keepers


def test_a_pass_without_backward_keeps_nothing() -> None:
    leaves, y = network()
    with function.without_backward():
        y.forward()
        values = y.d.copy()
    assert not buffers._passes.get()._keepers
    # nnabla raises an error of its own for one in a function.
    with pytest.raises(SystemError):
        gradients(leaves, y)
    _, z = network()
    z.forward()
    np.testing.assert_array_equal(z.d, values)
