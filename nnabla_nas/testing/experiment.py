"""Small experiments, run in a folder of their own."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nnabla as nn

from nnabla_nas import random
from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config import read_experiment
from nnabla_nas.config.completion import build_dataset, build_network, complete
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.device.context import choose_device
from nnabla_nas.device.runtime import Runtime
from nnabla_nas.registry import runners
from nnabla_nas.runner.launch import launch
from nnabla_nas.runner.runner import Runner
from nnabla_nas.testing.toy_space import TOY_SPACE

_SEARCH = {"epoch": 2, "warmup": 1, "train_portion": 0.5}
_TRAINING = {"epoch": 3, "warmup": 0, "train_portion": 0.75}


def name_of(algorithm: str | Mapping[str, Any]) -> str:
    """Return a runner's name.

    Args:
        algorithm: its name, or an object with its name and options.
    """
    return algorithm if isinstance(algorithm, str) else str(algorithm["name"])


def small_experiment(
    algorithm: str | Mapping[str, Any],
    network: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the content of a JSON file: two or three updates an epoch, on generated images.

    Args:
        algorithm: a runner's name, or an object with its name and options.
        network: search space and arguments; by default the toy space, in a mode of the runner's.
        changes: keys to add or replace.
    """
    runner: type[Runner] = runners.get(name_of(algorithm))
    if network is None:
        modes = [mode for mode in ("sample", "full") if mode in runner.modes or not runner.modes]
        network = {"search_space": TOY_SPACE, "mode": modes[0]}
    step = {"solver": {"name": "Momentum", "lr": 0.05}, "grad_clip": 5.0, "weight_decay": 1e-4}
    return {
        "dataset": {"name": "synthetic", "n_classes": 4, "n_train": 48, "n_test": 12},
        "input_shape": [1, 8, 8],
        "algorithm": algorithm if isinstance(algorithm, str) else dict(algorithm),
        "batch_size_train": 12,
        "batch_size_valid": 12,
        "mini_batch_train": 6,
        "mini_batch_valid": 6,
        "cutout": 2,
        "print_frequency": 1,
        "context": "cpu",
        "network": dict(network),
        "optimizer": {
            "train": step,
            "warmup": step,
            "valid": {"solver": {"name": "Adam", "alpha": 0.05}},
        },
        **(_SEARCH if runner.searches else _TRAINING),
        **(changes or {}),
    }


@contextmanager
def empty_folder() -> Iterator[Path]:
    """Make a new empty folder the working directory, so that whatever is written is seen."""
    before = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def completed(content: Mapping[str, Any], output: str, **changes: Any) -> Experiment:
    """Return the experiment of a JSON file's content, as a run gets it.

    Args:
        content: of the file.
        output: the output folder.
        changes: keys to replace.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, "experiment.json")
        path.write_text(json.dumps({**content, **changes}), encoding="utf-8")
        experiment, _ = complete(read_experiment(str(path), {"output_path": output}))
    return experiment


def run_experiment(
    content: Mapping[str, Any],
    output: str,
    *,
    dry_run: bool = False,
    visualize: bool = False,
    **changes: Any,
) -> RunFolder:
    """Run an experiment, or only build it.

    Args:
        content: of the JSON file.
        output: the output folder.
        dry_run: build and summarize only.
        visualize: whether to draw architectures.
        changes: keys to replace.

    Returns:
        The output folder.

    Raises:
        AssertionError: if the run ends with another exit code than 0.
    """
    experiment = completed(content, output, **changes)
    with redirect_stdout(io.StringIO()):
        code = launch(experiment, dry_run=dry_run, visualize=visualize)
    if code != 0:
        raise AssertionError(f"the run ends with exit code {code}")
    return RunFolder(output)


@contextmanager
def opened_runner(experiment: Experiment, folder: RunFolder) -> Iterator[Runner]:
    """Build a runner that writes to a folder that is open already.

    Args:
        experiment: the completed experiment.
        folder: the folder; the caller opened it and closes it.

    Yields:
        The runner, inside its run.
    """
    device = choose_device(experiment.context, experiment.device_id, experiment.type_config)
    runtime = Runtime(device, random.Streams(experiment.seed))
    with random.use(runtime.streams), nn.context_scope(device.context):
        runner: Runner = runners.get(experiment.algorithm.name)(
            experiment,
            runtime,
            build_network(experiment),
            build_dataset(experiment).read(),
            folder,
            Monitor(io.StringIO()),
            False,
            **experiment.algorithm.options,
        )
        with closing(runner):
            runner.record.open()
            with closing(runner.record):
                yield runner
