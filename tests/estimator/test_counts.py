from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import pytest

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.estimator.flops import count_multiply_adds
from nnabla_nas.search_space.mobilenet import SearchNet, TrainNet


def test_layers_against_their_closed_forms() -> None:
    x = nn.Variable((1, 8, 10, 12))
    y = F.convolution(x, nn.Variable((16, 2, 3, 5)), pad=(1, 2), stride=(2, 2), group=4)
    assert count_multiply_adds(y) == (5 * 6 * 16 * 2 * 3 * 5, [])
    assert count_multiply_adds(F.affine(x, nn.Variable((960, 7)))) == (960 * 7, [])
    y = Mo.DwConv(8, (3, 5), stride=(1, 2), multiplier=2)(x)
    assert count_multiply_adds(y) == (8 * 4 * 8 * 2 * 3 * 5, [])


def test_what_acts_on_single_values_has_a_rule_and_costs_nothing() -> None:
    x = nn.Variable((1, 8, 6, 6))
    with function.plain():
        for layer in (Mo.LeakyReLU(), Mo.Hswish(), Mo.Zero((2, 2)), Mo.MaxPool((3, 3))):
            assert count_multiply_adds(layer(x)) == (0, []), layer
        assert count_multiply_adds(Mo.AvgPool((2, 2), channel_last=True)(x)) == (0, [])
        for mode in ("concat", "add", "mul"):
            assert count_multiply_adds(Mo.Merging(mode)(x, x, x)) == (0, [])


def test_a_function_without_a_rule_is_named() -> None:
    y = F.sin(F.relu6(nn.Variable((1, 4))))
    assert count_multiply_adds(y) == (0, ["Sin"])


def test_mobilenet_v2_has_the_published_cost() -> None:
    settings = [[24, 2, 2], [32, 3, 2], [64, 4, 2], [96, 3, 1], [160, 3, 2], [320, 1, 1]]
    model = TrainNet(1000, settings=settings, candidates=["MB6 3x3"], skip_connect=False)
    flops = FLOPsEstimator()
    assert flops.estimate(model, (3, 224, 224)) == pytest.approx(300e6, rel=0.01)
    assert flops.uncounted == []
    assert ParameterEstimator().estimate(model, (3, 224, 224)) == 3_504_872


def test_only_the_active_path_counts() -> None:
    arguments = {"settings": [[16, 2, 1], [24, 2, 2]], "num_classes": 3, "in_channels": 1}
    search = SearchNet(**arguments, candidates=["MB3 3x3", "MB6 5x5"])
    for index, name in enumerate(("MB3 3x3", "MB6 5x5")):
        search.set_architecture([index] * 4)
        train = TrainNet(**arguments, candidates=[name], skip_connect=False)
        for estimator in (FLOPsEstimator(), ParameterEstimator()):
            assert estimator.estimate(search, (1, 8, 8)) == estimator.estimate(train, (1, 8, 8))
    assert search.training
    assert not search.active_only
