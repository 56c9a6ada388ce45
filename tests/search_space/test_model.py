from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.search_space import ClassificationModel


class Shared(ClassificationModel):
    """Two choices that share one architecture parameter, and an auxiliary output."""

    def __init__(self) -> None:
        self.first = Mo.MixedOp([Mo.Identity(), Mo.Zero(), Mo.ReLU()], "sample")
        self.second = Mo.MixedOp(
            [Mo.Identity(), Mo.Zero(), Mo.ReLU()], "sample", alpha=self.first.alpha
        )
        self.head = Mo.Linear(3, 3)
        self.auxiliary = Mo.Linear(3, 3)

    def call(self, x: nn.Variable):
        y = self.second(self.first(x))
        return self.head(y), self.auxiliary(y)


def test_a_shared_architecture_parameter_is_listed_once() -> None:
    model = Shared()
    assert list(model.choices()) == ["first", "second"]
    assert list(model.get_arch_parameters()) == ["first/_alpha"]
    assert list(model.get_net_parameters()) == [
        "head/_W",
        "head/_b",
        "auxiliary/_W",
        "auxiliary/_b",
    ]


def test_decode_says_the_operation_and_the_runner_up() -> None:
    model = Shared()
    model.first.alpha.d = np.log([0.2, 0.7, 0.1]).reshape(-1, 1, 1, 1, 1)
    first = model.decode()["choices"][0]
    assert (first["operation"], first["index"], first["runner_up"]) == ("Zero", 1, "Identity")
    assert first["probability"] == pytest.approx(0.7)
    assert first["runner_up_probability"] == pytest.approx(0.2)
    assert model.most_probable_architecture() == [1, 1]


def test_a_drawing_says_where_operations_tie() -> None:
    model = Shared()
    assert model.drawn_as() == "undecided architecture (in every choice operations tie)"
    model.second = Mo.MixedOp([Mo.Identity(), Mo.ReLU(), Mo.Zero()], "sample")
    model.second.alpha.d = np.array([0.0, 1.0, 1.0]).reshape(-1, 1, 1, 1, 1)
    model.first.alpha.d = np.array([0.0, 1.0, 0.5]).reshape(-1, 1, 1, 1, 1)
    text = "most probable architecture (in 1 of 2 choices operations tie)"
    assert model.drawn_as() == text
    model.second.alpha.d = np.array([0.0, 1.0, 1.1]).reshape(-1, 1, 1, 1, 1)
    assert model.drawn_as() == "most probable architecture"


def test_auxiliary_outputs_are_weighted_and_do_not_count_in_the_error() -> None:
    model = Shared()
    x = nn.Variable.from_numpy_array(np.random.default_rng(0).normal(size=(5, 3)))
    targets = nn.Variable.from_numpy_array(np.array([[0], [1], [2], [0], [1]]))
    main, auxiliary = outputs = model(x)
    both = model.loss(outputs, targets, [1.0, 0.4])
    alone, aside = model.loss(main, targets), model.loss(auxiliary, targets)
    error = model.metrics(outputs, targets)["error"]
    nn.forward_all([both, alone, aside, error, main])
    assert both.d == pytest.approx(alone.d + 0.4 * aside.d, rel=1e-6)
    assert error.d == pytest.approx((main.d.argmax(1) != targets.d.ravel()).mean())


def test_the_summary_counts() -> None:
    text = Shared().summary()
    assert "trainable parameters: 24" in text
    assert "architecture parameters: 3 in 2 choices" in text
    assert "architectures: 9" in text


def test_a_space_without_a_picture_of_its_own_is_drawn_as_its_choices(tmp_path) -> None:
    model = Shared()
    model.second.alpha.d = np.log([0.1, 0.2, 0.7]).reshape(-1, 1, 1, 1, 1)
    diagram = model.diagram()
    assert [node.text[0] for node in diagram.nodes] == ["input", "ReLU", "ReLU", "output"]
    assert len(diagram.edges) == 3
    model.visualize(tmp_path / "arch.png")
    assert (tmp_path / "arch.png").stat().st_size > 500
