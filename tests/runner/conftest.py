"""Runners built from JSON, and a space without batch normalisation."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nnabla as nn
import pytest

import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.completion import build_dataset, build_network, complete
from nnabla_nas.config.reading import read_experiment
from nnabla_nas.device.context import Device, choose_device
from nnabla_nas.device.runtime import Runtime
from nnabla_nas.registry import register_search_space, runners
from nnabla_nas.runner.runner import Runner
from nnabla_nas.search_space import ClassificationModel


class _Layers(ClassificationModel):
    """Two choices between two linear layers, then a classifier; nothing depends on the batch."""

    def __init__(self, num_classes: int = 10, mode: str = "sample") -> None:
        def layer(features: int) -> Mo.Module:
            return Mo.Sequential(Mo.Linear(features, 12), Mo.ReLU())

        self.first = Mo.MixedOp([layer(64), layer(64)], mode)
        self.second = Mo.MixedOp([layer(12), layer(12)], mode)
        self.head = Mo.Linear(12, num_classes)

    def call(self, x: nn.Variable) -> nn.Variable:
        return self.head(self.second(self.first(x)))

    def visualize(self, path: Any, dot_path: Any = None) -> str:
        Path(path).write_bytes(b"")
        Path(dot_path).write_text("")
        return "not drawn"


@register_search_space("toy_layers")
class Layers:
    """Two layers without batch normalisation."""

    SearchNet = _Layers
    TrainNet = _Layers


@pytest.fixture
def layers_json(search_json: dict[str, Any]) -> dict[str, Any]:
    """Return a search of the space without batch normalisation."""
    search_json["network"] = {"search_space": "toy_layers"}
    return search_json


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Runner]]:
    """Return what builds a runner from the content of a JSON file and changes to it.

    With `backends` its graphs are those of a device that has them.
    """
    with ExitStack() as stack:

        def make(
            content: dict[str, Any], name: str = "run", backends: Any = None, **changes: Any
        ) -> Runner:
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps({**copy.deepcopy(content), **changes}))
            flags = {"output_path": str(tmp_path / name)}
            experiment, _ = complete(read_experiment(str(path), flags))
            device = choose_device("cpu", "-1", "float")
            if backends:
                context = nn.Context(list(backends), "CpuCachedArray", "0")
                device = Device(context, "cudnn", "stand-in")
            runtime = Runtime(device, random.Streams(experiment.seed))
            stack.enter_context(random.use(runtime.streams))
            stack.enter_context(nn.context_scope(runtime.device.context))
            model = build_network(experiment)
            folder = stack.enter_context(RunFolder(experiment.output_path))
            runner: Runner = runners.get(experiment.algorithm.name)(
                experiment,
                runtime,
                model,
                build_dataset(experiment).read(),
                folder,
                Monitor(io.StringIO()),
                False,
                **experiment.algorithm.options,
            )
            stack.callback(runner.close)
            runner.record.open()
            stack.callback(runner.record.close)
            return runner

        yield make
