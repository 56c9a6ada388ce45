"""Classes as users of Sony's nnabla-nas wrote them: imports renamed, else unchanged."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.cli import main
from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.optimizer import Optimizer
from nnabla_nas.registry import register_search_space, search_spaces
from nnabla_nas.search_space import ClassificationModel
from nnabla_nas.search_space.darts.operations import ReLUConvBN
from nnabla_nas.search_space.zoph import SearchNet as ZophNet


class Block(Mo.Module):
    def __init__(self, channels: int, mode: str, name: str = "") -> None:
        super().__init__(name=name)
        convolutions = [
            ReLUConvBN(channels, channels, kernel=(side, side), pad=(side // 2, side // 2))
            for side in (1, 3)
        ]
        self._mixed = Mo.MixedOp(operators=[*convolutions, Mo.Identity()], mode=mode)

    def call(self, x: nn.Variable) -> nn.Variable:
        return self._mixed(x)


class SearchNet(ClassificationModel):
    def __init__(
        self, in_channels: int = 1, num_classes: int = 10, mode: str = "sample", name: str = ""
    ) -> None:
        super().__init__(name=name)
        self._stem = Mo.Sequential()
        self._stem.append(Mo.Conv(in_channels, 4, (3, 3), pad=(1, 1)))
        self._stem.append(Mo.Lambda(lambda x: x))
        del self._stem[1]
        self._blocks = Mo.ModuleList(modules=[Block(4, mode, name=f"block{i}") for i in range(2)])
        self._head = Mo.Sequential(Mo.GlobalAvgPool(), Mo.Linear(4, num_classes))

    def call(self, x: nn.Variable) -> nn.Variable:
        x = self._stem(x)
        for block in self._blocks:
            x = block(x)
        return self._head(x)

    def get_arch_parameters(self, grad_only: bool = False) -> OrderedDict[str, Any]:
        p = self.get_parameters(grad_only)
        return OrderedDict((k, v) for k, v in p.items() if "alpha" in k)

    def get_net_parameters(self, grad_only: bool = False) -> OrderedDict[str, Any]:
        p = self.get_parameters(grad_only)
        return OrderedDict((k, v) for k, v in p.items() if "alpha" not in k)

    def summary(self) -> str:
        lines = [f"{block.name}: {block._mixed._active_operation}" for block in self._blocks]
        return "\n".join(lines)


class TrainNet(SearchNet):
    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        mode: str = "max",
        genotype: str | None = None,
        name: str = "",
    ) -> None:
        super().__init__(in_channels, num_classes, mode, name)
        if genotype is not None:
            self.load_parameters(genotype, raise_if_missing=False)
        for block in self._blocks:
            alpha = block._mixed._alpha
            block._mixed = block._mixed._ops[int(np.argmax(alpha.d.flat))]


class TheirSpace:
    SearchNet = SearchNet
    TrainNet = TrainNet


if "their_style" not in search_spaces.names():
    register_search_space("their_style")(TheirSpace)


def run(config: dict[str, Any], output: Path, *flags: str) -> int:
    path = output.with_name(f"{output.name}.json")
    path.write_text(json.dumps(config))
    return main(["-f", str(path), "-o", str(output), "--no-visualize", *flags])


def test_a_space_is_searched_and_trained(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    search_json |= {"network": {"search_space": "their_style"}, "epoch": 1, "warmup": 0}
    assert run(search_json, tmp_path / "search") == 0
    text = capsys.readouterr()
    assert "warning: SearchNet.summary() failed: AttributeError" in text.out + text.err
    arch = str(tmp_path / "search" / "arch.h5")
    search_json |= {"algorithm": "Trainer"}
    assert run(search_json, tmp_path / "train", "-x", f"network.genotype={arch}") == 0
    result = json.loads((tmp_path / "train" / "result.json").read_text())
    assert result["status"] == "finished"


def test_containers_take_the_names_of_their_arguments() -> None:
    assert len(Mo.ModuleList(modules=[Mo.ReLU(), Mo.ReLU()])) == 2
    assert list(Mo.ParameterList(parameters=[Mo.Parameter((1,))]).parameters) == ["0"]


def test_a_sequence_grows_and_shrinks() -> None:
    sequence = Mo.Sequential(Mo.Linear(2, 3), Mo.ReLU())
    assert sequence.append(Mo.Linear(3, 4)) is sequence
    assert list(sequence.modules) == ["0", "1", "2"]
    del sequence[1]
    assert list(sequence.get_parameters()) == ["0/_W", "0/_b", "1/_W", "1/_b"]
    assert sequence(nn.Variable((5, 2))).shape == (5, 4)
    named = Mo.Sequential(OrderedDict(a=Mo.ReLU(), b=Mo.Identity()))
    del named[-1]
    assert list(named.modules) == ["a"]
    with pytest.raises(TypeError, match="Sequential takes Module objects"):
        sequence.append(3)  # type: ignore[arg-type]
    with pytest.raises(IndexError):
        del sequence[7]


def test_a_module_takes_a_name_and_nothing_else() -> None:
    class Named(Mo.Module):
        pass

    assert Named(name="mine").name == "mine"
    with pytest.raises(TypeError, match="'width'"):
        Named(width=3)


def test_estimators_answer_by_their_names() -> None:
    model = SearchNet()
    with pytest.raises(ValueError, match="has not been called"):
        ParameterEstimator().get_estimation(model)
    model(nn.Variable((2, 1, 8, 8)))
    for estimator in (ParameterEstimator(), FLOPsEstimator()):
        expected = estimator.estimate(model, (1, 8, 8))
        assert estimator.get_estimation(model) == estimator.predict(model) == expected > 0


def test_retaining_state_is_said_to_be_needless() -> None:
    parameter = nn.Variable.from_numpy_array(np.ones(3, np.float32), need_grad=True)
    with pytest.warns(UserWarning, match="retain_state is needless"):
        Optimizer(
            {"a": parameter},
            nn.solvers.Sgd,
            {"lr": 0.1},
            n_updates=1,
            lr_scheduler=None,
            lr_scheduler_arguments={},
            retain_state=True,
        )


def test_a_zoph_network_has_a_shape() -> None:
    model = ZophNet(
        input_shape=(1, 8, 8),
        n_classes=7,
        stem_channels=2,
        cells=["ZophCell"],
        cell_depth=[1],
        cell_channels=[2],
        reducing=[False],
        candidates=["Identity", "Zero"],
    )
    assert model.shape == (1, 7)
