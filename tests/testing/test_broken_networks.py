"""Every check of networks catches the network that is broken in just that."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas import testing
from nnabla_nas.testing.toy_space import SearchNet

SHAPE = (1, 8, 8)


class AlphasAmongWeights(SearchNet):
    def get_net_parameters(self, grad_only: bool = False) -> Any:
        return self.get_parameters(grad_only)


class ForgottenParameter(SearchNet):
    def get_net_parameters(self, grad_only: bool = False) -> Any:
        parameters = super().get_net_parameters(grad_only)
        parameters.popitem()
        return parameters


class GlobalGenerator(SearchNet):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._stem._W.d = np.random.normal(size=self._stem._W.shape)


class SameForEverySeed(SearchNet):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        for parameter in self.get_parameters().values():
            parameter.d = np.ones(parameter.shape)


class LossPerExample(SearchNet):
    def loss(self, outputs: Any, targets: Any, loss_weights: Any = None) -> nn.Variable:
        return F.softmax_cross_entropy(outputs, targets)


class InfiniteLoss(SearchNet):
    def loss(self, outputs: Any, targets: Any, loss_weights: Any = None) -> nn.Variable:
        return F.log(F.mul_scalar(super().loss(outputs, targets), 0.0))


class NoError(SearchNet):
    def metrics(self, outputs: Any, targets: Any) -> dict[str, nn.Variable]:
        return {}


class AlwaysTrainingNormalization(Mo.BatchNormalization):
    def call(self, x: nn.Variable) -> Any:
        statistics = self._beta, self._gamma, self._mean, self._var
        return F.batch_normalization(x, *statistics, batch_stat=True)


class JudgingLeavesATrace(SearchNet):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._stem = Mo.Sequential(self._stem, AlwaysTrainingNormalization(4, 4))


class WordsBeyondJson(SearchNet):
    def decode(self) -> dict[str, Any]:
        return {"choices": np.zeros(2)}


class WordsThatChange(SearchNet):
    def decode(self) -> dict[str, Any]:
        return {"choices": (1, 2)}


class NoPicture(SearchNet):
    def visualize(self, path: Any, dot_path: Any = None) -> str:
        Path(dot_path).write_text("digraph {}")
        return "not drawn"


class IgnoredWeights(SearchNet):
    def load_weights(self, path: Any) -> None:
        pass


class IdleTensor(SearchNet):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._forgotten = Mo.Linear(3, 3)


NETWORKS: dict[str, tuple[type[SearchNet], Callable[..., None], str]] = {
    "alphas among weights": (
        AlphasAmongWeights,
        testing.check_parameters_are_apart,
        "among the weights: _blocks/0/_alpha",
    ),
    "forgotten parameter": (
        ForgottenParameter,
        testing.check_parameters_are_apart,
        "neither architecture parameters nor weights",
    ),
    "global generator": (GlobalGenerator, testing.check_seed, "global random generator"),
    "one seed": (SameForEverySeed, testing.check_seed, "different seeds have the same"),
    "loss per example": (LossPerExample, testing.check_loss_and_metrics, "it is a scalar"),
    "infinite loss": (InfiniteLoss, testing.check_loss_and_metrics, "not finite"),
    "no error": (NoError, testing.check_loss_and_metrics, "gives no 'error'"),
    "trace": (JudgingLeavesATrace, testing.check_judging_leaves_no_trace, "changes _stem/1/_mean"),
    "no JSON": (WordsBeyondJson, testing.check_decode, "what JSON cannot hold"),
    "other JSON": (WordsThatChange, testing.check_decode, "gives back as others"),
    "no picture": (NoPicture, testing.check_drawing, "writes no picture"),
    "weights": (IgnoredWeights, testing.check_weights_file, "does not restore"),
    "idle": (IdleTensor, testing.check_every_tensor_is_reached, "_forgotten/_W, _forgotten/_b"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_broken_network_is_caught(name: str) -> None:
    network, check, words = NETWORKS[name]
    # Some checks need the shape of the images, some do not.
    rest = ({}, SHAPE)[: len(inspect.signature(check).parameters) - 1]
    check(SearchNet, *rest)
    with pytest.raises(AssertionError, match=words):
        check(network, *rest)
