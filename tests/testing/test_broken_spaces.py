"""Every check of spaces catches the space that is broken in just that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas import testing
from nnabla_nas.testing.toy_space import SearchNet, TrainNet

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


class WithOtherChoices(SearchNet):
    choice: type[Mo.MixedOp]

    def _chain(self, channels: int) -> list[Mo.Module]:
        chain = super()._chain(channels)
        changed: list[Mo.Module] = []
        for mixed in chain:
            assert isinstance(mixed, Mo.MixedOp)
            other = self.choice(list(mixed._ops), mixed.mode)
            other.names = mixed.names
            changed.append(other)
        return changed


def with_choices(choice: type[Mo.MixedOp]) -> type[SearchNet]:
    return type(choice.__name__, (WithOtherChoices,), {"choice": choice})


class DrawsBlindly(Mo.MixedOp):
    def draw(self) -> int:
        self.active = 1
        return 1


class DrawsWithoutEffect(Mo.MixedOp):
    def draw(self) -> int:
        before, index = self.active, super().draw()
        self.active = before
        return index


class StuckMask(Mo.MixedOp):
    def call(self, x: nn.Variable) -> nn.Variable:
        y = super().call(x)
        self._chosen.clear()
        return y


class WrongMask(Mo.MixedOp):
    def call(self, x: nn.Variable) -> nn.Variable:
        y = super().call(x)
        return y if self.active_only else F.mul_scalar(y, 0.5)


class AcceptsAnything(Mo.MixedOp):
    @property
    def active(self) -> int:
        return self._active

    @active.setter
    def active(self, index: int) -> None:
        self._active = index % len(self._ops)
        for chosen in self._chosen:
            mask = [k == self._active for k in range(len(self._ops))]
            chosen.parent.set_active_input_mask(mask)


class ComputesAll(Mo.MixedOp):
    """Multiplies what is inactive by zero instead of leaving it out."""

    def call(self, x: nn.Variable) -> nn.Variable:
        if self.active_only:
            return super().call(x)
        return F.add_n(*[F.mul_scalar(operation(x), 1.0) for operation in self._ops])


class CutOff(Mo.MixedOp):
    def call(self, x: nn.Variable) -> nn.Variable:
        branches = [operation(x) for operation in self._ops]
        if self.active_only:
            return branches[self.active]
        branches[0].need_grad = False
        chosen = F.add_n(*branches)
        self._chosen.append(chosen)
        self.active = self._active
        return chosen


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
    "draws blindly": (with_choices(DrawsBlindly), testing.check_choices, "draws candidate 1"),
    "draws in vain": (with_choices(DrawsWithoutEffect), testing.check_choices, "making it the active one"),
    "stuck mask": (with_choices(StuckMask), testing.check_masks, "differ by"),
    "wrong mask": (with_choices(WrongMask), testing.check_masks, "differ by"),
    "accepts": (with_choices(AcceptsAnything), testing.check_set_architecture, "is accepted"),
    "computes all": (with_choices(ComputesAll), testing.check_gradients, "is no part of it"),
    "moves statistics": (
        with_choices(ComputesAll),
        testing.check_inactive_statistics,
        r"changes _blocks/\d/_ops/\d/1/",
    ),
    "cut off": (with_choices(CutOff), testing.check_gradients, "no gradient for"),
    "never reached": (
        with_choices(CutOff),
        testing.check_every_tensor_is_reached,
        "no architecture of many gives a gradient to _blocks/0/_ops/0",
    ),
    "idle": (IdleTensor, testing.check_every_tensor_is_reached, "_forgotten/_W, _forgotten/_b"),
}
WITHOUT_INPUT = {
    testing.check_parameters_are_apart,
    testing.check_seed,
    testing.check_decode,
    testing.check_drawing,
    testing.check_weights_file,
    testing.check_choices,
    testing.check_set_architecture,
}


def apply(check: Callable[..., None], network: type[SearchNet]) -> None:
    check(network, {}) if check in WITHOUT_INPUT else check(network, {}, SHAPE)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_broken_network_is_caught(name: str) -> None:
    network, check, words = NETWORKS[name]
    apply(check, SearchNet)
    with pytest.raises(AssertionError, match=words):
        apply(check, network)


class BuildsAnother(TrainNet):
    def _chain(self, channels: int) -> list[Mo.Module]:
        if self._genotype is not None:
            self._genotype = None
        return super()._chain(channels)


class JsonBackwards(TrainNet):
    def _chain(self, channels: int) -> list[Mo.Module]:
        if self._genotype and self._genotype.endswith(".json"):
            path = Path(self._genotype)
            words = json.loads(path.read_text())
            for choice in words["choices"]:
                choice["operation"] = "skip_connect"
            path.write_text(json.dumps(words))
        return super()._chain(channels)


class MoreThanDecoded(TrainNet):
    def __init__(self, **arguments: Any) -> None:
        self._more = Mo.Linear(10, 10)
        super().__init__(**arguments)

    def call(self, x: nn.Variable) -> nn.Variable:
        return self._more(super().call(x))


class IdleInTraining(TrainNet):
    def __init__(self, **arguments: Any) -> None:
        self._forgotten = Mo.Linear(3, 3)
        super().__init__(**arguments)


def test_a_network_to_train_has_no_idle_tensor() -> None:
    testing.check_no_idle_tensor(TrainNet, {}, SHAPE)
    with pytest.raises(AssertionError, match="does not depend on _forgotten/_W, _forgotten/_b"):
        testing.check_no_idle_tensor(IdleInTraining, {}, SHAPE)


def genotypes(train: type[TrainNet]) -> None:
    testing.check_genotypes(SearchNet, {}, train, {})


def test_a_network_built_from_a_genotype_is_compared_with_what_was_found() -> None:
    genotypes(TrainNet)
    with pytest.raises(AssertionError, match=r"built from arch.h5 says other 'choices'"):
        genotypes(BuildsAnother)
    with pytest.raises(AssertionError, match=r"built from arch.json says other 'choices'"):
        genotypes(JsonBackwards)


def test_costs_of_the_decoded_network_are_those_of_the_one_built() -> None:
    testing.check_costs(SearchNet, {}, TrainNet, {}, SHAPE)
    with pytest.raises(AssertionError, match=r"decoded network has .* scalars"):
        testing.check_costs(SearchNet, {}, MoreThanDecoded, {}, SHAPE)


class Space:
    SearchNet = SearchNet
    TrainNet = TrainNet


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TrainNet": None}, "a search space has a TrainNet"),
        ({"TrainNet": MoreThanDecoded}, "decoded network has"),
        ({"TrainNet": BuildsAnother}, "says other 'choices'"),
        ({"SearchNet": AlphasAmongWeights}, "among the weights"),
        ({"SearchNet": with_choices(StuckMask)}, "differ by"),
        ({"SearchNet": IdleTensor}, "_forgotten"),
    ],
)
def test_the_whole_contract_catches_them_too(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        testing.check_search_space(type("Broken", (Space,), changes), {}, SHAPE)


def test_a_space_may_have_nothing_to_search() -> None:
    testing.check_search_space(type("Fixed", (Space,), {"SearchNet": None}), {}, SHAPE)


@pytest.mark.parametrize("mode", ["sample", "full", "max"])
def test_the_toy_space_is_whole(mode: str) -> None:
    testing.check_search_space(testing.TOY_SPACE, {"mode": mode}, SHAPE)
