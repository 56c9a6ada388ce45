"""A search space, data set, runners and a solver that need no nnabla, for any test of config."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from nnabla_nas.errors import DataError
from nnabla_nas.registry import register_dataset, register_runner, register_search_space, solvers


@dataclass(frozen=True)
class Info:
    shape: tuple[int, int, int]
    n_classes: int
    n_train: int = 100
    n_test: int = 10


@register_dataset("toy_fixed")
class FixedDataset:
    info = Info((1, 6, 6), 4)


@register_dataset("toy_any")
class AnyDataset:
    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 5, 5),
        seed: int = 0,
        n_classes: int = 4,
        path: str | None = None,
    ) -> None:
        if n_classes < 2:
            raise DataError(f"dataset.n_classes: got {n_classes}; allowed >= 2")
        if input_shape[0] > 3:
            raise DataError(f"dataset.input_shape: got {list(input_shape)}; allowed C <= 3")
        self.info = Info(input_shape, n_classes)
        self.seed = seed


class _Net:
    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        settings: Sequence[tuple[int, int]] | None = None,
        width: float = 1,
        mode: Literal["full", "sample"] = "sample",
        kernel: tuple[int, int] = (3, 3),
        activation: Callable[[float], float] = abs,
    ) -> None:
        self.given = {
            "num_classes": num_classes,
            "in_channels": in_channels,
            "settings": settings,
            "width": width,
            "mode": mode,
            "kernel": kernel,
        }
        if width > 100:
            raise ValueError("width is\ntoo large")

    @staticmethod
    def check_arguments(arguments: dict[str, Any]) -> list[tuple[str, str]]:
        kernel = arguments["kernel"]
        assert isinstance(kernel, tuple)
        return [("kernel.0", f"got {kernel[0]}; allowed odd")] if kernel[0] % 2 == 0 else []


class SearchNet(_Net):
    pass


class TrainNet(_Net):
    def __init__(self, genotype: str | None = None, **shared: Any) -> None:
        super().__init__(**shared)
        self.genotype = genotype


@register_search_space("toy_space")
class Space:
    SearchNet = SearchNet
    TrainNet = TrainNet


@register_search_space("toy_train_only")
class TrainOnly:
    TrainNet = TrainNet


@register_runner("ToySearcher")
class ToySearcher:
    searches = True

    def __init__(
        self, experiment: Any, *, samples: Annotated[int, Field(ge=1)] = 10, name_of: str = "x"
    ) -> None:
        self.samples = samples


@register_runner("ToyTrainer")
class ToyTrainer:
    searches = False


@solvers.register("ToySolver")
def toy_solver(alpha=0.1, momentum=0.9, nesterov=False):  # type: ignore[no-untyped-def]
    return alpha, momentum, nesterov


SEARCH: dict[str, Any] = {
    "dataset": "toy_fixed",
    "epoch": 2,
    "batch_size_train": 16,
    "batch_size_valid": 8,
    "mini_batch_train": 4,
    "warmup": 1,
    "network": {"search_space": "toy_space", "settings": [[1, 2], [3, 4]]},
    "algorithm": {"name": "ToySearcher", "samples": 3},
    "optimizer": {
        "train": {"solver": {"name": "ToySolver", "lr": 0.5}, "lr_scheduler": None},
        "valid": {"solver": "ToySolver", "grad_clip": 5},
        "warmup": {"solver": {"name": "ToySolver"}, "lr_scheduler": None},
    },
}


@pytest.fixture
def search() -> dict[str, Any]:
    """Return a good experiment that searches, free to be changed."""
    return copy.deepcopy(SEARCH)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], str]:
    """Return a function that writes JSON (or text as it is) to a file and returns its path."""

    def write(values: Any) -> str:
        file = tmp_path / "experiment.json"
        text = values if isinstance(values, str) else json.dumps(values)
        file.write_text(text, encoding="utf-8")
        return str(file)

    return write
