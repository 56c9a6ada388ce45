from __future__ import annotations

import inspect

import pytest

from nnabla_nas.dataset import Dataset, DatasetInfo
from nnabla_nas.dataset.synthetic import Synthetic
from nnabla_nas.errors import DataError
from nnabla_nas.registry import datasets

SIZES = {
    "cifar10": DatasetInfo((3, 32, 32), 10, 50_000, 10_000),
    "imagenet": DatasetInfo((3, 224, 224), 1000, 1_281_167, 50_000),
}


@pytest.mark.parametrize("name", sorted(SIZES))
def test_sizes_are_known_and_reading_says_what_to_do(name: str) -> None:
    data_set = datasets.get(name)()
    assert data_set.info == SIZES[name]
    with pytest.raises(DataError) as caught:
        data_set.read()
    (fault,) = caught.value.faults
    for word in (f"'{name}'", "'digits'", "'synthetic'", "-x dataset=synthetic"):
        assert word in fault
    assert "\n" not in fault


def test_every_registered_data_set_declares_sizes_and_options() -> None:
    for name in ("cifar10", "digits", "imagenet", "synthetic"):
        target = datasets.get(name)
        assert issubclass(target, Dataset)
        assert isinstance(target().info, DatasetInfo)
        for parameter in inspect.signature(target).parameters.values():
            assert parameter.default is not parameter.empty


def test_synthetic_takes_the_place_of_a_declared_data_set() -> None:
    for info in SIZES.values():
        stand_in = Synthetic(input_shape=info.shape, n_classes=info.n_classes)
        assert stand_in.info.shape == info.shape
        assert stand_in.info.n_classes == info.n_classes
