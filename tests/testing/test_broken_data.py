"""Every check of data sets and estimators catches the one that is broken in just that."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from nnabla_nas import testing
from nnabla_nas.dataset import ArrayImages, Data, Dataset, DatasetInfo
from nnabla_nas.estimator import Estimator, FLOPsEstimator, ParameterEstimator
from nnabla_nas.search_space import Model


class Noise(Dataset):
    """Noise of two classes."""

    info = DatasetInfo(shape=(1, 5, 6), n_classes=2, n_train=40, n_test=10)

    def __init__(self, change: Callable[[dict[str, Any]], None] = lambda arrays: None) -> None:
        self.change = change

    def read(self) -> Data:
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (50, 1, 5, 6)).astype(np.uint8)
        arrays: dict[str, Any] = {
            "train": (pixels[:40], np.arange(40) % 2),
            "test": (pixels[40:], np.arange(10) % 2),
            "images": ArrayImages,
            "fields": {},
        }
        self.change(arrays)
        train, test = (arrays["images"](*arrays[name]) for name in ("train", "test"))
        return dataclasses.replace(Data.in_memory(train, test, False), **arrays["fields"])


class OwnMemory(ArrayImages):
    def load(self, indices: Any, rng: Any = None) -> Any:
        return self.images


class Sorted(ArrayImages):
    def load(self, indices: Any, rng: Any = None) -> Any:
        return super().load(np.sort(indices))


class Floats(ArrayImages):
    def load(self, indices: Any, rng: Any = None) -> Any:
        return super().load(indices) / np.float32(255)


def setting(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda arrays: arrays.update({key: value(arrays[key]) if callable(value) else value})


class ReadsOthers(Noise):
    """Gives other images every time."""

    def read(self) -> Data:
        data = super().read()
        pixels = data.train.load(np.arange(40)) + np.uint8(next(self.times))
        return dataclasses.replace(data, train=ArrayImages(pixels, data.train.labels))

    times = itertools.count()


def leak(arrays: dict[str, Any]) -> None:
    arrays["test"] = (arrays["train"][0][:10], arrays["test"][1])


DATASETS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "fewer": (setting("train", lambda t: (t[0][:30], t[1][:30])), "40 training images .* 30 read"),
    "labels": (setting("test", lambda t: (t[0], t[1] + 1)), "test labels lie between 1 and 2"),
    "missing class": (setting("train", lambda t: (t[0], t[1] * 0)), "no training image of class 1"),
    "shape": (setting("train", lambda t: (t[0][..., :5], t[1])), r"shape \(40, 1, 5, 5\)"),
    "memory": (setting("images", lambda _: OwnMemory), "hands out its own memory"),
    "order": (setting("images", lambda _: Sorted), "order of the indices"),
    "floats": (setting("images", lambda _: Floats), "images are float32"),
    "mean": (setting("fields", {"mean": np.float32([120.0])}), "mean is .120.0.; "),
    "std": (setting("fields", {"std": np.float64([0.2])}), "std is float64"),
    "leak": (leak, "100% of the test images are training images"),
    "one of a class": (
        setting("train", lambda t: (t[0], (np.arange(40) == 3).astype(int))),
        "has no image of class 1",
    ),
    "checksum": (setting("fields", {"checksum": "abc"}), "'abc' is not a SHA-256"),
}


@pytest.mark.parametrize("name", DATASETS)
def test_a_broken_data_set_is_caught(name: str) -> None:
    change, words = DATASETS[name]
    with pytest.raises(AssertionError, match=words):
        testing.check_dataset(Noise(change))


def test_a_data_set_that_changes_is_caught() -> None:
    with pytest.raises(AssertionError, match="a second time gives other images"):
        testing.check_dataset(ReadsOthers())


def test_a_whole_data_set_passes() -> None:
    testing.check_dataset(Noise())


class CountsEverything(Estimator):
    """Counts inactive candidates too."""

    unit = "scalars"

    def estimate(self, model: Model, input_shape: Sequence[int]) -> float:
        return sum(p.size for p in model.get_net_parameters().values())


class Weighted(ParameterEstimator):
    """Depends on the probabilities instead of the active candidates alone."""

    def estimate(self, model: Model, input_shape: Sequence[int]) -> Any:
        first = next(iter(model.choices().values()))
        return super().estimate(model, input_shape) * float(first.probabilities[0])


class Infinite(ParameterEstimator):
    """Knows no bounds."""

    def estimate(self, model: Model, input_shape: Sequence[int]) -> Any:
        return float("inf")


class Nameless(ParameterEstimator):
    """Does not say what it counts."""

    unit = ""


class LeavesEvaluation(ParameterEstimator):
    """Forgets to go back to training."""

    def estimate(self, model: Model, input_shape: Sequence[int]) -> int:
        value = super().estimate(model, input_shape)
        model.apply(training=False)
        return value


class ChoosesFirst(FLOPsEstimator):
    """Leaves another architecture behind."""

    def estimate(self, model: Model, input_shape: Sequence[int]) -> int:
        value = super().estimate(model, input_shape)
        for choice in model.choices().values():
            choice.active = (choice.active + 1) % len(choice.names)
        return value


class MovesWeights(ParameterEstimator):
    """Changes what it measures."""

    def estimate(self, model: Model, input_shape: Sequence[int]) -> int:
        for parameter in model.get_net_parameters().values():
            parameter.d = parameter.d * 0.5
        return super().estimate(model, input_shape)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (CountsEverything, "all of 3 architectures cost"),
        (Weighted, "with other probabilities"),
        (Infinite, "is inf; it is a finite number"),
        (Nameless, "unit is ''"),
        (LeavesEvaluation, r"changes training \(_blocks\)"),
        (ChoosesFirst, "changes choice '_blocks/0', choice '_blocks/1' of the network"),
        (MovesWeights, "changes parameter _stem/_W"),
    ],
)
def test_a_broken_estimator_is_caught(estimator: type[Estimator], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        testing.check_estimator(estimator())
