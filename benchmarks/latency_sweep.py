"""Whether networks decoded within bounds on their latency keep these when measured afresh.

One search learns the probabilities; then five bounds are set between what the fastest network and
the most probable one take. For each the most probable architecture within it is decoded, as a
search with a hard bound does it at its end, and its network built and measured again by a process
of its own. The errors are those of the weights that all architectures share.

    ./run.sh python benchmarks/latency_sweep.py -o log/latency_sweep

Three minutes on one core. The folder holds the search, the architectures and `latency_sweep.png`.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from nnabla_nas import random
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.cli import main
from nnabla_nas.config import read_experiment
from nnabla_nas.config.completion import build_dataset, build_network, complete
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.dataset.split import split
from nnabla_nas.dataset.transforms import evaluation_transform
from nnabla_nas.device.quiet import quiet_nnabla
from nnabla_nas.estimator import LatencyEstimator
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.hard_bounds import HardBounds
from nnabla_nas.estimator.measured_decoding import settle
from nnabla_nas.runner.evaluation import mean_metrics, nearly_equal_batches
from nnabla_nas.runner.graph import Graph
from nnabla_nas.search_space.model import Model

SEARCH = "examples/small/mobilenet_cifar10_search.json"
# The twin is as short as can be; so long that probabilities differ and weights have learnt.
LONGER = ("epoch=10", "warmup=5", "optimizer.valid.solver.alpha=0.02")
STEPS = (0.02, 0.25, 0.5, 0.75, 0.98)


class Learned:
    """What a search has left: a super-network with its weights and probabilities.

    Args:
        folder: of the search.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.experiment = self._experiment(folder)
        self.model: Model = build_network(self.experiment)
        self.model.load_parameters(str(folder.arch_h5))
        self.model.load_parameters(str(folder.weights))
        self.data = build_dataset(self.experiment).read()
        self.estimator = LatencyEstimator("cpu")
        self.table = self.estimator.cost_table(self.model, self.experiment.input_shape)
        self._graphs: dict[int, Graph] = {}

    @staticmethod
    def _experiment(folder: RunFolder) -> Experiment:
        return complete(read_experiment(str(folder.config)))[0]

    def within(self, bound: float) -> Constraint:
        """Make the most probable architecture within a bound the decoded one.

        Args:
            bound: the most its network may take, in ms.

        Returns:
            The constraint, with what was measured on the way.
        """
        shape = self.experiment.input_shape
        assert shape is not None
        name = type(self.estimator).__name__
        one = Constraint("speed", name, self.estimator, bound, 0.0, self.model, shape, True)
        hard = HardBounds([one], self.model)
        self.model.decoder = hard.decode
        settle(hard, self.model, lambda line: None)
        return one

    def error(self) -> float:
        """Return the decoded architecture's error on the validation part."""
        experiment = self.experiment
        self.model.set_architecture(self.model.most_probable_architecture())
        _, part = split(self.data.train.labels, experiment.train_portion, experiment.seed)
        size, shape = experiment.mini_batch_valid, experiment.input_shape

        def judge(batch: Any) -> Any:
            n = len(batch.targets)
            if n not in self._graphs:
                self._graphs[n] = Graph(self.model, shape, n, "judge")
            return self._graphs[n].evaluate(batch)

        transform = evaluation_transform(self.data)
        batches = nearly_equal_batches(self.data.train, part, size, transform)
        return float(mean_metrics(batches, judge)["error"])


def measure_afresh(config: Path, words: Path) -> float:
    """Return the median latency of an architecture's network, from a process of its own, in ms.

    Args:
        config: the search's config.json.
        words: the architecture, as arch.json holds it.
    """
    command = [sys.executable, __file__, "--measure", str(config), str(words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def measure(config: str, words: str) -> float:
    """Build the network to train of an architecture and measure it.

    Args:
        config: the search's config.json.
        words: the architecture.
    """
    changes = {"search": False, "algorithm": "Trainer"}
    experiment, _ = complete(read_experiment(config, changes, [f"network.genotype={words}"]))
    assert experiment.input_shape is not None
    with random.use(random.Streams(experiment.seed)):
        model = build_network(experiment)
        return LatencyEstimator("cpu").measure_whole(model, experiment.input_shape).median


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw error against latency, each bound as a line to the network decoded within it.

    Args:
        rows: the table.
        path: the PNG file.
    """
    width, height, left, top = 720, 460, 80, 50
    image = Image.new("RGB", (width, height), "white")
    canvas = ImageDraw.Draw(image)
    times = [value for row in rows for value in (row["bound"], row["afresh"])]
    errors = [row["error"] for row in rows]
    low, high = 0.95 * min(times), 1.05 * max(times)
    bottom, peak = 0.9 * min(errors), 1.1 * max(errors) + 1e-3

    def place(latency: float, error: float) -> tuple[float, float]:
        x = left + (latency - low) / (high - low) * (width - left - 30)
        return x, height - 60 - (error - bottom) / (peak - bottom) * (height - 60 - top)

    for value in np.linspace(low, high, 6):
        x, y = place(float(value), bottom)
        canvas.line([(x, y), (x, top)], fill="#e0e0e0")
        canvas.text((x - 12, y + 8), f"{value:.2f}", fill="black")
    for value in np.linspace(bottom, peak, 6):
        x, y = place(low, float(value))
        canvas.line([(x, y), (width - 30, y)], fill="#e0e0e0")
        canvas.text((x - 48, y - 6), f"{value:.3f}", fill="black")
    for row in rows:
        colour = "#084594" if row["afresh"] <= row["bound"] else "#b3402a"
        x, y = place(row["afresh"], row["error"])
        limit, _ = place(row["bound"], row["error"])
        canvas.line([(x, y), (limit, y)], fill=colour)
        canvas.line([(limit, y - 9), (limit, y + 9)], fill=colour, width=3)
        canvas.ellipse([x - 5, y - 5, x + 5, y + 5], fill=colour)
    canvas.text((left, 16), "validation error with shared weights against latency", fill="black")
    canvas.text((left, 30), "dot: network measured afresh, bar: its bound", fill="black")
    canvas.text((width / 2 - 60, height - 26), "latency of one image, ms", fill="black")
    image.save(path)


def sweep(output: Path) -> None:
    """Search, decode for every bound, measure afresh, print the table and draw it.

    Args:
        output: the folder for all of it.
    """
    folder = RunFolder(output / "search")
    flags = [word for one in LONGER for word in ("-x", one)]
    code = main(["-f", SEARCH, "-o", str(folder.path), "-c", "cpu", "--no-visualize", *flags])
    if code:
        raise SystemExit(f"the search ended with {code}")
    quiet_nnabla()
    with random.use(random.Streams(0)):
        learned = Learned(folder)
    fastest = learned.within(1e-9).kept_attempt
    preferred = learned.within(1e9).kept_attempt
    assert fastest is not None
    assert preferred is not None
    low, high = fastest.whole.cautious, preferred.whole.cautious
    rows = []
    print("| bound, ms | sum, ms | attempts | whole, ms | afresh, ms | error | |")
    print("|---|---|---|---|---|---|---|")
    for number, step in enumerate(STEPS):
        bound = low + step * (high - low)
        constraint = learned.within(bound)
        kept = constraint.kept_attempt
        assert kept is not None
        words = output / f"arch_{number}.json"
        words.write_text(json.dumps(learned.model.decode()))
        afresh, error = measure_afresh(folder.config, words), learned.error()
        met = kept.whole.cautious <= bound
        verdict = ("within" if afresh <= bound else "MISSED") if met else "reported infeasible"
        print(
            f"| {bound:.3f} | {kept.total:.3f} | {len(constraint.attempts)} | "
            f"{kept.whole.median:.3f} | {afresh:.3f} | {error:.3f} | {verdict} |",
            flush=True,
        )
        rows.append({"bound": bound, "afresh": afresh, "error": error})
    draw(rows, output / "latency_sweep.png")
    print(f"drawn in {output / 'latency_sweep.png'}")
    print(f"./run.sh python {shlex.join(sys.argv)}")


def run() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", default="log/latency_sweep", help="a new folder")
    parser.add_argument("--measure", nargs=2, metavar=("CONFIG", "ARCH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(measure(*options.measure))
        return
    output = Path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    sweep(output)


if __name__ == "__main__":
    run()
