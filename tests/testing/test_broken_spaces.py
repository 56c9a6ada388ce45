"""The contract of search spaces catches the space whose two networks do not fit each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nnabla as nn
import pytest

import nnabla_nas.module as Mo
from nnabla_nas import testing
from nnabla_nas.testing.toy_space import SearchNet, TrainNet

SHAPE = (1, 8, 8)


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


class AlphasAmongWeights(SearchNet):
    def get_net_parameters(self, grad_only: bool = False) -> Any:
        return self.get_parameters(grad_only)


class IdleTensor(SearchNet):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._forgotten = Mo.Linear(3, 3)


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
