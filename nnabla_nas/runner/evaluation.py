"""Mean loss and error over a set of images, while a network is trained and afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite, sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

from nnabla_nas.artifact.meter import Meters
from nnabla_nas.dataset.dataset import Batch, Images
from nnabla_nas.dataset.loader import in_order
from nnabla_nas.dataset.split import split
from nnabla_nas.dataset.transforms import Transform, evaluation_transform
from nnabla_nas.errors import InputError, NasError
from nnabla_nas.export.trained_run import TrainedRun
from nnabla_nas.runner.graph import Graph
from nnabla_nas.runner.score import Score, read_together

Metrics = dict[str, float]
Part = Literal["test", "valid"]


def nearly_equal_batches(
    images: Images, indices: npt.NDArray[np.int64], batch_size: int, transform: Transform
) -> Iterator[Batch]:
    """Yield every example once, in order; a last batch of few would have poor batch statistics.

    Args:
        images: where to read them.
        indices: which of them, (n,).
        batch_size: most examples in a batch.
        transform: what turns images into inputs.

    Yields:
        The batches; their sizes differ by at most one.
    """
    for part in np.array_split(indices, -(-len(indices) // batch_size)):
        yield from in_order(images, part, len(part), transform)


def mean_metrics(batches: Iterable[Batch], judge: Callable[[Batch], Score]) -> Metrics:
    """Return mean loss and error over all examples, and their number.

    Args:
        batches: the examples.
        judge: returns mean loss and mean error of a batch.
    """
    totals = Meters()
    scores = [(judge(batch), len(batch.targets)) for batch in batches]
    read_together([score for score, _ in scores])
    for (loss, error), n in scores:
        totals["loss"].add(loss, n)
        totals["error"].add(error, n)
    return {**totals.means(), "examples": sum(n for _, n in scores)}


def in_words(metrics: Mapping[str, float]) -> str:
    """Return loss, error and its standard error, and the number of images.

    Args:
        metrics: what `mean_metrics` returns, or an error alone.
    """
    if "examples" not in metrics:
        # A benchmark's table says no more.
        return f"error {100 * metrics['error']:.2f} %"
    error, n = metrics["error"], int(metrics["examples"])
    # The error is a share of n independent images.
    spread = sqrt(error * (1 - error) / n)
    return (
        f"loss {metrics['loss']:.6g}, error {100 * error:.2f} % ± {100 * spread:.2f} % "
        f"(standard error), {n:,} images"
    )


def evaluate_run(run: TrainedRun, part: Part = "test") -> Metrics:
    """Return mean loss and error, from 0 to 1, of a trained network, and the number of images.

    They are computed as the training computed those in its result.json, batch by batch.

    Args:
        run: the training, read back.
        part: `test`, or `valid`: the part of the training set that was kept back.

    Raises:
        DataError: if the data set is missing or damaged.
        InputError: if the training kept nothing back.
        NasError: if the loss is not finite.
    """
    experiment, data = run.experiment, run.read_data()
    images: Images = data.test
    indices = np.arange(len(images.labels))
    if part == "valid":
        images = data.train
        _, indices = split(images.labels, experiment.train_portion, experiment.seed)
        if not len(indices):
            raise InputError(
                f"--split valid: the training in {run.folder.path} kept nothing back "
                f"(train_portion is {experiment.train_portion:g}); allowed: test"
            )
    graphs: dict[int, Graph] = {}

    def judge(batch: Batch) -> Score:
        n = len(batch.targets)
        if n not in graphs:
            graphs[n] = Graph(run.model, run.inputs.shape, n, "evaluate")
        return graphs[n].evaluate(batch)

    batches = nearly_equal_batches(
        images, indices, experiment.mini_batch_valid, evaluation_transform(data)
    )
    metrics = mean_metrics(batches, judge)
    # nnabla finds no error in logits that are not numbers.
    if not isfinite(metrics["loss"]):
        raise NasError(
            f"{run.folder.weights}: the network's outputs are not finite (loss {metrics['loss']})"
        )
    return metrics
