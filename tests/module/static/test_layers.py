"""Every static module computes what its dynamic twin computes, and knows its shape before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
import nnabla_nas.module.static as smo
from nnabla_nas import random

TWINS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "Identity": ((), {}),
    "Zero": (((2, 2),), {}),
    "Conv": ((4, 6, (3, 3)), {"pad": (1, 1), "stride": (2, 2), "group": 2}),
    "DwConv": ((4, (3, 3)), {"pad": (2, 2), "dilation": (2, 2), "multiplier": 2}),
    "MaxPool": (((3, 3),), {"stride": (1, 1), "pad": (1, 1)}),
    "AvgPool": (((2, 3),), {}),
    "GlobalAvgPool": ((), {}),
    "ReLU": ((), {}),
    "BatchNormalization": ((4, 4), {"decay_rate": 0.5}),
    "Linear": ((4 * 7 * 9, 5), {"bias": False}),
    "Dropout": ((0.25,), {}),
}


def image(batch: int = 2) -> nn.Variable:
    return nn.Variable.from_numpy_array(
        np.random.default_rng(batch).normal(size=(batch, 4, 7, 9)).astype(np.float32)
    )


def computed(y: nn.Variable) -> np.ndarray:
    # A variable that no function made has no forward pass.
    z = y * 1.0
    z.forward()
    return z.d.copy()


def with_seed(build: Callable[[], Any]) -> Any:
    with random.use(random.Streams(3)):
        return build()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", TWINS)
def test_a_static_module_is_its_dynamic_twin_with_parents(name: str, training: bool) -> None:
    positional, named = TWINS[name]
    source = smo.Input(image())

    def static() -> tuple[smo.Module, np.ndarray]:
        node = getattr(smo, name)([source], *positional, name="node", eval_prob=0.5, **named)
        node.apply(training=training)
        inferred = node.shape
        y = node()
        assert inferred == node.shape == y.shape
        return node, computed(y)

    def dynamic() -> tuple[Mo.Module, np.ndarray]:
        module = getattr(Mo, name)(*positional, **named).apply(training=training)
        return module, computed(module(source.value))

    node, output = with_seed(static)
    module, expected = with_seed(dynamic)
    # One of them may be built of the forms for the CPU.
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)
    assert isinstance(node, type(module))
    assert (node.name, node.eval_prob) == ("node", 0.5)
    assert node.input_shapes == ((2, 4, 7, 9),)
    paths = node.get_parameters()
    assert list(paths) == list(module.get_parameters())
    for path, parameter in module.get_parameters().items():
        np.testing.assert_allclose(paths[path].d, parameter.d, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*TWINS, "Collapse"])
def test_a_layer_has_exactly_one_parent(name: str) -> None:
    positional, named = TWINS.get(name, ((), {}))
    source = smo.Input(image())
    for parents in ([], [source, source]):
        with pytest.raises(RuntimeError, match=f"{name}: needs exactly one parent"):
            getattr(smo, name)(parents, *positional, **named)
    with pytest.raises(RuntimeError, match=r"static module, got Identity"):
        getattr(smo, name)([Mo.Identity()], *positional, **named)


@pytest.mark.parametrize(("mode", "axis"), [("concat", 1), ("concat", 3), ("add", 1), ("mul", 1)])
def test_merging_equals_its_twin(mode: str, axis: int) -> None:
    a, b, c = (smo.Input(image()) for _ in range(3))
    merged = smo.Merging([a, b, c], mode, axis=axis)
    inferred = merged.shape
    y = merged()
    assert inferred == y.shape
    expected = Mo.Merging(mode, axis)(a.value, b.value, c.value)
    np.testing.assert_array_equal(computed(y), computed(expected))


def test_merging_takes_two_parents_or_more_and_known_modes() -> None:
    source = smo.Input(image())
    with pytest.raises(RuntimeError, match="two parents or more, got 1"):
        smo.Merging([source], "add")
    with pytest.raises(RuntimeError, match="static module"):
        smo.Merging([source, Mo.ReLU()], "add")
    with pytest.raises(ValueError, match="mode"):
        smo.Merging([source, source], "mean")


def test_collapse_drops_the_spatial_axes() -> None:
    average = smo.GlobalAvgPool([smo.Input(image(3))])
    collapsed = smo.Collapse([average], name="logits")
    assert collapsed.shape == (3, 4)
    np.testing.assert_array_equal(computed(collapsed()), average.output.d[:, :, 0, 0])


def test_batch_statistics_are_no_output_of_a_node() -> None:
    norm = smo.BatchNormalization([smo.Input(image())], 4, 4, output_stat=True)
    assert norm.shape == norm().shape == (2, 4, 7, 9)


def test_a_mask_of_a_static_dropout_is_drawn_anew() -> None:
    dropout = smo.Dropout([smo.Input(image())], 0.5)
    assert dropout.shape == (2, 4, 7, 9)
    assert not dropout._masks, "asking for the shape must not draw"
    y = dropout()
    before = computed(y)
    dropout.refill()
    assert (computed(y) != before).any()
