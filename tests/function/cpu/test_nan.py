"""A NaN stays one in every form, so that a divergence shows."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.function as function


def values(build, *shape: int) -> np.ndarray:
    """Return the output for ones with a NaN in the middle of the first image's first channel."""
    array = np.ones(shape, np.float32)
    array[0, 0, 2, 2] = np.nan
    x = nn.Variable.from_numpy_array(array)
    with function.Building(lambda: True) as building:
        y = building.wants(build(x))
    y.forward()
    return y.d.copy()


def normalized(x: nn.Variable, activation, by_batch: bool) -> nn.Variable:
    parameters = [nn.Variable((1, x.shape[1], 1, 1)) for _ in range(4)]
    for v in parameters:
        v.d = 1
    y = function.batch_normalization(x, *parameters, batch_stat=by_batch)
    return activation(y)


@pytest.mark.parametrize("batch", [1, 9, 16])
@pytest.mark.parametrize("activation", [function.relu, function.relu6, lambda x: x])
class TestActivations:
    def test_alone(self, batch, activation) -> None:
        y = values(lambda x: activation(function.relu(x)), batch, 2, 5, 5)
        assert np.isnan(y[0, 0, 2, 2])
        assert np.isnan(y).sum() == 1

    def test_behind_a_normalization_by_running_statistics(self, batch, activation) -> None:
        y = values(lambda x: normalized(x, activation, False), batch, 2, 5, 5)
        assert np.isnan(y[0, 0, 2, 2])
        assert np.isnan(y).sum() == 1

    def test_behind_a_normalization_by_the_batch(self, batch, activation) -> None:
        y = values(lambda x: normalized(x, activation, True), batch, 2, 5, 5)
        assert np.isnan(y[:, 0]).all()
        assert not np.isnan(y[:, 1]).any()

    def test_in_front_of_filters(self, batch, activation) -> None:
        filters = nn.Variable.from_numpy_array(np.ones((2, 1, 3, 3)))
        y = values(
            lambda x: function.convolution(activation(x), filters, pad=(1, 1), group=2),
            batch, 2, 5, 5,
        )  # fmt: skip
        assert np.isnan(y[0, 0, 1:4, 1:4]).all()
        assert np.isnan(y).sum() == 9

    def test_in_front_of_a_product(self, batch, activation) -> None:
        filters = nn.Variable.from_numpy_array(np.ones((3, 2, 1, 1)))
        y = values(lambda x: function.convolution(activation(x), filters), batch, 2, 5, 5)
        assert np.isnan(y[0, :, 2, 2]).all()
        assert np.isnan(y).sum() == 3

    def test_in_front_of_dense_filters(self, batch, activation) -> None:
        filters = nn.Variable.from_numpy_array(np.ones((3, 2, 3, 3)))
        y = values(
            lambda x: function.convolution(activation(x), filters, pad=(1, 1)), batch, 2, 5, 5
        )
        assert np.isnan(y[0, :, 1:4, 1:4]).all()
        assert np.isnan(y).sum() == 27


@pytest.mark.parametrize("pooling", [function.max_pooling, function.average_pooling])
@pytest.mark.parametrize("batch", [1, 16])
def test_pooling(pooling, batch) -> None:
    y = values(lambda x: pooling(x, (3, 3), (1, 1), (1, 1)), batch, 2, 5, 5)
    assert np.isnan(y[0, 0, 1:4, 1:4]).all()
    assert np.isnan(y).sum() == 9


@pytest.mark.parametrize("batch", [1, 16])
def test_mean_of_image(batch) -> None:
    y = values(function.global_average_pooling, batch, 2, 5, 5)
    assert np.isnan(y[0, 0, 0, 0])
    assert np.isnan(y).sum() == 1


def test_mixture() -> None:
    alpha = nn.Variable.from_numpy_array(np.zeros(2))
    y = values(lambda x: function.mix([x, function.relu(x)], alpha), 2, 2, 5, 5)
    assert np.isnan(y[0, 0, 2, 2])
    assert np.isnan(y).sum() == 1
