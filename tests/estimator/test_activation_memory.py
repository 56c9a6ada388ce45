"""Peaks of live activations against closed forms."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F

import nnabla_nas.module as Mo
from nnabla_nas.estimator import ActivationMemoryEstimator
from nnabla_nas.estimator.activation_memory import peak_live_bytes
from nnabla_nas.estimator.liveness import Step, live_bytes
from nnabla_nas.search_space import ClassificationModel
from nnabla_nas.search_space.mobilenet import TrainNet


def test_in_a_chain_two_neighbours_are_alive() -> None:
    x = nn.Variable((1, 2, 8, 8))
    weights = [nn.Variable((16, 2, 1, 1)), nn.Variable((4, 16, 1, 1))]
    y = F.convolution(F.convolution(x, weights[0]), weights[1])
    # 16 channels between 2 and 4: input and output of the second convolution.
    assert peak_live_bytes(y, set(weights)) == 4 * 64 * (16 + 4)
    assert peak_live_bytes(y, {weights[0]}) == 4 * 64 * (16 + 4) + 4 * 64


def test_a_residual_keeps_its_input_alive() -> None:
    x = nn.Variable((1, 8, 4, 4))
    y = F.relu(F.relu(F.relu(x)))
    assert peak_live_bytes(y, set()) == 4 * 128 * 2
    assert peak_live_bytes(F.add2(x, F.relu(F.relu(F.relu(x)))), set()) == 4 * 128 * 3


def test_parallel_branches_wait_for_each_other() -> None:
    x = nn.Variable((1, 1, 4, 4))
    branches = [F.tile(x, (1, n, 1, 1)) for n in (3, 5, 7)]
    y = F.concatenate(*branches, axis=1)
    # When they are joined, the input is no longer needed.
    assert peak_live_bytes(y, set()) == 4 * 16 * (3 + 5 + 7 + 15)


def test_what_is_computed_in_place_takes_no_room() -> None:
    x = nn.Variable((1, 8, 4, 4))
    y = F.relu(x)
    assert F.reshape(y, (1, 128)).parent.inplace_data(0)
    assert peak_live_bytes(F.reshape(y, (1, 128)), set()) == 4 * 128 * 2


def test_a_weight_under_another_name_is_a_weight() -> None:
    x, weight = nn.Variable((1, 8, 4, 4)), nn.Variable((8, 9))
    named = F.reshape(F.reshape(weight, (8, 1, 9)), (8, 1, 3, 3))
    y = F.convolution(x, named, pad=(1, 1), group=8)
    assert peak_live_bytes(y, {weight}) == 4 * 128 * 2
    assert peak_live_bytes(y, set()) == 4 * (128 * 2 + 72)


def test_without_functions_the_input_is_alive() -> None:
    x = nn.Variable((1, 8, 4, 4))
    assert peak_live_bytes(x, set()) == 4 * 128


class _Wide(ClassificationModel):
    def __init__(self) -> None:
        self.wide = Mo.Conv(1, 32, (1, 1), with_bias=False)
        self.narrow = Mo.Conv(32, 2, (1, 1), with_bias=False)

    def call(self, x: nn.Variable) -> nn.Variable:
        return self.narrow(self.wide(x))


def test_a_network_of_the_package_is_counted_without_its_parameters() -> None:
    estimator = ActivationMemoryEstimator()
    assert estimator.unit == "bytes"
    assert estimator.estimate(_Wide(), (1, 6, 6)) == 4 * 36 * (32 + 2)


def test_mobilenet_v2_peaks_at_its_second_expansion() -> None:
    settings = [[24, 2, 2], [32, 3, 2], [64, 4, 2], [96, 3, 1], [160, 3, 2], [320, 1, 1]]
    model = TrainNet(1000, settings=settings, candidates=["MB6 3x3"], skip_connect=False)
    # 96 channels of 112 x 112, before and after their batch normalisation
    assert ActivationMemoryEstimator().estimate(model, (3, 224, 224)) == 4 * 2 * 96 * 112 * 112


def test_what_is_written_over_in_place_was_there_before() -> None:
    x = nn.Variable((1, 8, 4, 4))
    y = F.reshape(x, (1, 128))
    assert y.parent.inplace_data(0)
    assert peak_live_bytes(F.relu(y), set()) == 4 * 128 * 2


def test_an_output_that_is_there_early_is_alive_until_the_end() -> None:
    steps = [Step("a", "b"), Step("a", "c"), Step("c", "d")]
    assert live_bytes(steps, {"a": 1, "b": 2, "c": 4, "d": 8}, "b") == (4, [12, 28, 56])
