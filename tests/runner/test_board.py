"""What TensorBoard is told about a network, and the values of an experiment as a table."""

from __future__ import annotations

from pathlib import Path

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.runner.board import experiment_name, hyperparameters, probabilities
from nnabla_nas.runner.network_graph import network_graph
from nnabla_nas.search_space import ClassificationModel
from nnabla_nas.search_space.mobilenet import SearchNet, TrainNet


class _Shared(ClassificationModel):
    """Three choices, the first two of which share their architecture parameter."""

    def __init__(self) -> None:
        alpha = Mo.Parameter((2, 1, 1, 1, 1), initializer=np.log([1, 3]).reshape(2, 1, 1, 1, 1))
        self.first = Mo.MixedOp([Mo.Identity(), Mo.ReLU()], "sample", alpha)
        self.second = Mo.MixedOp([Mo.Identity(), Mo.ReLU()], "sample", alpha)
        self.third = Mo.MixedOp([Mo.ReLU(), Mo.ReLU()], "sample")

    def call(self, x: nn.Variable) -> nn.Variable:
        return self.third(self.second(self.first(x)))


def test_probabilities_have_a_row_per_parameter_and_a_column_per_operation() -> None:
    table = probabilities(_Shared())
    assert list(table) == ["first", "third"]
    assert table["first"] == {"Identity": pytest.approx(0.25), "ReLU": pytest.approx(0.75)}
    assert list(table["third"]) == ["0 ReLU", "1 ReLU"]


def test_rows_are_named_by_what_tells_them_apart() -> None:
    network = SearchNet(4, settings=[[8, 2, 1]], candidates=["MB1 3x3", "MB3 3x3"], width_mult=0.25)
    assert list(probabilities(network)) == ["_features/2", "_features/3"]
    assert probabilities(TrainNet(4, settings=[[8, 2, 1]], width_mult=0.25)) == {}


def test_the_graph_holds_each_function_once_and_follows_the_data() -> None:
    network = TrainNet(
        4, settings=[[8, 1, 2]], candidates=["MB3 5x5"], width_mult=0.25, skip_connect=False
    )
    # As the graph of the samples of a search leaves it.
    network.apply(private_statistics=True)
    nodes = network_graph(network, (3, 8, 8))
    names = [node.name for node in nodes]
    assert len(set(names)) == len(names)
    for position, node in enumerate(nodes):
        assert set(node.inputs) <= set(names[:position])
    (entrance,) = [node for node in nodes if node.operation == "Input"]
    assert (entrance.name, tuple(entrance.shape)) == ("input", (1, 3, 8, 8))
    assert tuple(nodes[-1].shape) == (1, 4)
    depthwise = next(node for node in nodes if node.name.startswith("_features/2/_mixed/_conv/1/0"))
    assert depthwise.operation == "Convolution"
    assert depthwise.attributes["_W"] == "(24, 1, 5, 5)"
    assert depthwise.attributes["group"] == "24"


def test_the_values_of_an_experiment_become_one_table() -> None:
    config = {"epoch": 2, "network": {"settings": [[8, 1, 2]], "genotype": None, "a": {"b": "c"}}}
    assert hyperparameters(config) == {
        "epoch": 2,
        "network.settings": "[[8, 1, 2]]",
        "network.a.b": "c",
    }


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/log/study/found/seed-3", "study/found"),
        ("/log/study/found/lr-0.05/seed-3", "found/lr-0.05"),
        ("/log/seeds/3", "log/seeds"),
        ("/log/small/search-3", "small/search-3"),
        ("/3", "3"),
    ],
)
def test_an_experiment_is_named_by_its_folder_without_the_seed(folder: str, name: str) -> None:
    assert experiment_name(Path(folder), 3) == name
