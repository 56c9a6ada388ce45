"""The process that does our updates: the runner of an experiment, its own update method timed."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np

from nnabla_nas import function, random
from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.completion import build_dataset, build_network, complete
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.reading import read_experiment
from nnabla_nas.device.context import choose_device
from nnabla_nas.device.runtime import Runtime
from nnabla_nas.estimator.decomposition import decompose, functions_of
from nnabla_nas.estimator.flops import COUNTERS
from nnabla_nas.registry import runners
from nnabla_nas.runner.runner import Runner
from nnabla_nas.search_space.model import Model
from steps.child import ROOT
from steps.protocol import answers, request, serve
from steps.workload import DARTS_CELLS, Workload


def overrides(workload: Workload, folder: Path) -> list[str]:
    """Return what the experiment changes of its example, as `-x` of main.py takes it.

    Args:
        workload: the kind of update.
        folder: where files may be written.
    """
    # Four batches for each of the two parts, and epochs without end for the schedules.
    n_train = 8 * max(workload.batch_train, workload.batch_valid, workload.n_classes)
    dataset = {"name": "synthetic", "n_classes": workload.n_classes, "n_train": n_train}
    values: dict[str, Any] = {"dataset": {**dataset, "n_test": 16}, "epoch": 10**6, "warmup": 0}
    if workload.valid_factor:
        values["train_portion"] = 0.5
    for part, size in (("train", workload.batch_train), ("valid", workload.batch_valid)):
        values |= {f"batch_size_{part}": size, f"mini_batch_{part}": size}
    if workload.example.endswith("_train"):
        path = None
        if workload.cells is not None:
            path = folder / "arch.json"
            path.write_text(json.dumps(DARTS_CELLS))
        if "random_wired" not in workload.example:
            values["network.genotype"] = None if path is None else str(path)
    values |= {f"network.{key}": value for key, value in workload.network}
    values |= {f"algorithm.{key}": value for key, value in workload.options}
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]


def read(workload: Workload, folder: Path, threads: int) -> Experiment:
    """Return the completed experiment.

    Args:
        workload: the kind of update.
        folder: where files may be written.
        threads: how many threads it may use.
    """
    flags = {"output_path": str(folder / "run"), "context": "cpu", "threads": threads}
    path = ROOT / "examples" / f"{workload.example}.json"
    return complete(read_experiment(str(path), flags, overrides(workload, folder)))[0]


@contextmanager
def build(experiment: Experiment) -> Iterator[Runner]:
    """Build the runner of an experiment, ready for its first update.

    Args:
        experiment: the completed experiment.

    Yields:
        The runner, within its random streams and its device's context.
    """
    device = choose_device(experiment.context, experiment.device_id, experiment.type_config)
    function.use_cores(experiment.threads, lambda line: print(line, file=sys.stderr))
    runtime = Runtime(device, random.Streams(experiment.seed))
    with random.use(runtime.streams), nn.context_scope(device.context), Monitor() as monitor:
        runner: Runner = runners.get(experiment.algorithm.name)(
            experiment,
            runtime,
            build_network(experiment),
            build_dataset(experiment).read(),
            RunFolder(experiment.output_path),
            monitor,
            False,
            **experiment.algorithm.options,
        )
        with closing(runner):
            yield runner


def update_of(runner: Runner) -> Callable[[], None]:
    """Return what one update of a run does.

    Args:
        runner: a searcher or a trainer.
    """
    update: Callable[[], None] = runner.search_update if runner.searches else runner.update

    def counted() -> None:
        update()
        runner.progress.step += 1

    return counted


def describe(runner: Runner) -> dict[str, Any]:
    """Return what another framework needs to build the same network, and what both must agree on.

    Args:
        runner: the runner.

    Returns:
        `algorithm` with `options`; `space`, `arguments` and `words` of the network; `shape` of an
        image; `loss_weights` of several outputs; `parameters` and `alphas`: numbers of trained
        values; `multiply_adds` of the forward pass of one example, the mean over the candidates
        where one of them is drawn.
    """
    model, experiment = runner.model, runner.experiment
    found = {
        "algorithm": experiment.algorithm.name,
        "options": experiment.algorithm.options,
        "space": experiment.network.search_space,
        "shape": runner.input_shape,
        "loss_weights": [1.0, experiment.aux_weight],
        "arguments": experiment.network.arguments,
        "words": None if runner.searches else model.decode(),
        "parameters": sum(p.size for p in model.get_net_parameters(grad_only=True).values()),
        "alphas": sum(p.size for p in model.get_arch_parameters(grad_only=True).values()),
        "multiply_adds": multiply_adds(model, runner.input_shape),
    }
    return json.loads(json.dumps(found, default=list))


def multiply_adds(model: Model, input_shape: tuple[int, ...]) -> float:
    """Return the multiply-adds of a forward pass of one example in training.

    Args:
        model: the network.
        input_shape: (C, H, W).

    Returns:
        With one path per pass, the mean over all candidates of each choice.
    """
    if any(not choice.weighted for choice in model.choices().values()):
        parts = decompose(model, input_shape)
        means = [np.mean([_count(own) for own in choice]) for choice in parts.candidates]
        return float(_count(parts.fixed) + sum(means))
    with function.plain():
        model.apply(training=True, private_statistics=True)
        outputs = model(nn.Variable((1, *input_shape)))
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return float(_count({f: None for one in outputs for f in functions_of(one)}))


def _count(functions: Any) -> int:
    names = [(one, one.info.type_name) for one in functions]
    return sum(COUNTERS[name](one) for one, name in names if name in COUNTERS)


def main() -> None:
    """Answer requests."""
    out = answers()
    wanted = request()
    workload = Workload(**wanted["workload"])
    with tempfile.TemporaryDirectory() as folder:
        experiment = read(workload, Path(folder), wanted["threads"])
        with build(experiment) as runner:
            serve(update_of(runner), lambda: describe(runner), out)


if __name__ == "__main__":
    main()
