"""What a network's inputs are, kept beside it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nnabla_nas.dataset.cifar10 import Cifar10
from nnabla_nas.dataset.dataset import ArrayImages, Data, DatasetInfo
from nnabla_nas.dataset.inputs import Inputs
from nnabla_nas.dataset.synthetic import Synthetic
from nnabla_nas.dataset.transforms import evaluation_transform
from nnabla_nas.errors import DataError

GOOD: dict[str, Any] = {"shape": [1, 2, 3], "mean": [0.5], "std": [0.25], "classes": ["a", "b"]}


def test_images_are_normalised_to_the_bit_as_in_training() -> None:
    dataset = Synthetic(n_classes=3, n_train=12, n_test=6, input_shape=(3, 8, 8))
    data = dataset.read()
    inputs = Inputs.of(dataset.info, data)
    again = Inputs.from_json(json.loads(json.dumps(inputs.to_json())), "x")
    assert again == inputs
    assert inputs.classes == ("0", "1", "2")
    images = data.test.load(np.arange(6))
    expected = evaluation_transform(data)(images, np.random.default_rng(0))
    np.testing.assert_array_equal(again.normalise(images), expected)


def test_names_of_classes_are_kept() -> None:
    images = ArrayImages(np.arange(24, dtype=np.uint8).reshape(4, 1, 2, 3), [0, 1, 0, 1])
    data = Data.in_memory(images, images, False, ("cat", "dog"))
    assert Inputs.of(DatasetInfo((1, 2, 3), 2, 4, 4), data).classes == ("cat", "dog")
    assert len(set(Cifar10.classes)) == Cifar10.n_classes


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [1, 2]},
        {"shape": "abc"},
        {"mean": [0.5, 0.5]},
        {"std": [0.0]},
        {"std": None},
        {"classes": []},
        {"classes": 3},
    ],
)
def test_other_content_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"config\.json: not a description"):
        Inputs.from_json({**GOOD, **change}, "config.json")
    with pytest.raises(DataError):
        Inputs.from_json([], "config.json")
    assert Inputs.from_json(GOOD, "config.json").classes == ("a", "b")
