"""Measure what saving a checkpoint costs, as a share of an epoch.

    ./run.sh python benchmarks/checkpoint_cost.py

The network is that of the CIFAR-10 search with MobileNet; the images are generated. An epoch is
extrapolated from a few updates of fewer images each, by the number of images. A checkpoint costs
the same on every device, an epoch does not: the last line says how short it may become.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import nnabla as nn

import nnabla_nas
from nnabla_nas import random
from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.completion import build_dataset, build_network, complete
from nnabla_nas.config.reading import read_experiment
from nnabla_nas.device.context import choose_device
from nnabla_nas.device.runtime import Runtime
from nnabla_nas.registry import runners
from nnabla_nas.runner.searcher.searcher import Searcher

_ROOT = Path(nnabla_nas.__file__).parents[1]
_EXAMPLE = _ROOT / "examples" / "mobilenet_cifar10_search.json"
# Those that train weights.
_EPOCH = 45_000
_LIMIT = 0.05


def main() -> int:
    """Run the benchmark; the exit code is 1 if a checkpoint costs more than 5 % of an epoch."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-c", "--context", default="auto", help="as of main.py")
    parser.add_argument("--batch-size", type=int, default=16, help="images per update")
    parser.add_argument("--updates", type=int, default=3, help="updates that are measured")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        update, saving, size = measure(
            Path(folder), arguments.context, arguments.batch_size, arguments.updates
        )
    epoch = update * _EPOCH / arguments.batch_size
    print(f"an update of {arguments.batch_size} images: {update:.2f} s; an epoch: {epoch:.0f} s")
    print(f"a checkpoint of {size / 1e6:.0f} MB: {saving:.3f} s, {saving / epoch:.2%} of an epoch")
    print(f"it costs {_LIMIT:.0%} of an epoch of {saving / _LIMIT:.0f} s")
    return 0 if saving < _LIMIT * epoch else 1


def measure(folder: Path, context: str, batch_size: int, n: int) -> tuple[float, float, int]:
    """Return seconds per update, seconds per checkpoint (best of three), and its size in bytes.

    Args:
        folder: where to write.
        context: of the device.
        batch_size: images per update.
        n: updates to measure.
    """
    data = f'dataset={{"name": "synthetic", "n_train": {batch_size * 24}, "n_test": 16}}'
    overrides = [data]
    # As in the example, an architecture is judged on twice as many images as train its weights.
    for part, factor in (("train", 1), ("valid", 2)):
        overrides += [
            f"{size}_{part}={factor * batch_size}" for size in ("batch_size", "mini_batch")
        ]
    flags = {"output_path": str(folder / "run"), "context": context}
    experiment, _ = complete(read_experiment(str(_EXAMPLE), flags, overrides))
    device = choose_device(experiment.context, experiment.device_id, experiment.type_config)
    runtime = Runtime(device, random.Streams(experiment.seed))
    with random.use(runtime.streams), nn.context_scope(device.context):
        model = build_network(experiment)
        output, monitor = RunFolder(experiment.output_path), Monitor()
        searcher: Searcher = runners.get(experiment.algorithm.name)(
            experiment,
            runtime,
            model,
            build_dataset(experiment).read(),
            output,
            monitor,
            False,
            **experiment.algorithm.options,
        )
        with closing(searcher), output:
            searcher.search_update()
            update = seconds(searcher.search_update, n) / n
            saving = min(seconds(searcher.save_checkpoint, 1) for _ in range(3))
            newest = searcher.checkpoints.generations()[0]
            return update, saving, sum(path.stat().st_size for path in newest.iterdir())


def seconds(action: Callable[[], None], n: int) -> float:
    """Return how long an action takes when it is done n times."""
    start = time.perf_counter()
    for _ in range(n):
        action()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
