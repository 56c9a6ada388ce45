"""How well a super-network's weights rank architectures: judged errors beside true ones."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import nnabla as nn
import numpy as np
import numpy.typing as npt

from nnabla_nas import random
from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.completion import build_dataset, build_network, complete
from nnabla_nas.config.experiment import Experiment, Named
from nnabla_nas.config.reading import read_experiment
from nnabla_nas.device.context import choose_device
from nnabla_nas.device.runtime import Runtime
from nnabla_nas.errors import InputError
from nnabla_nas.runner.evaluator.benchmark import Benchmark
from nnabla_nas.runner.evaluator.evaluator import Evaluator
from nnabla_nas.runner.evaluator.inherit import Inherit
from nnabla_nas.runner.evaluator.train import Train
from nnabla_nas.runner.searcher.random_search import RandomSearcher
from nnabla_nas.search_space.encoding import Code

Floats = npt.NDArray[np.float64]
_BOOTSTRAPS = 500
_TOP = 0.1
_FEWEST = 3


@dataclass(frozen=True)
class Agreement:
    """How a judge ranks architectures.

    Args:
        judge: what judged.
        kendall: Kendall's τ with the true errors, and the ends of its 95 % bootstrap interval.
        spearman: likewise, Spearman's ρ.
        precision: share of the best tenth by the judge that is in the true best tenth.
        gap: mean of judged minus true error, None where errors were not judged.
    """

    judge: str
    kendall: tuple[float, float, float]
    spearman: tuple[float, float, float]
    precision: float
    gap: float | None


def agreement(judge: str, judged: Floats, true: Floats, is_error: bool = True) -> Agreement:
    """Compare judged with true errors.

    Args:
        judge: what judged.
        judged: per architecture, the smaller the better, (n,).
        true: per architecture the true error, (n,).
        is_error: whether `judged` are errors.
    """
    from scipy.stats import kendalltau, spearmanr

    stream = random.Streams(0).derived("bootstrap")
    draws = stream.integers(len(true), size=(_BOOTSTRAPS, len(true)))

    def interval(statistic: Callable[[Floats, Floats], float]) -> tuple[float, float, float]:
        with np.errstate(invalid="ignore"):
            values = [statistic(judged[draw], true[draw]) for draw in draws if _varies(true[draw])]
        low, high = np.nanquantile(values, [0.025, 0.975])
        return statistic(judged, true), float(low), float(high)

    n_top = max(1, round(_TOP * len(true)))
    best = [set(np.argsort(one, kind="stable")[:n_top].tolist()) for one in (judged, true)]
    return Agreement(
        judge,
        interval(lambda a, b: float(kendalltau(a, b).statistic) if _varies(a) else 0.0),
        interval(lambda a, b: float(spearmanr(a, b).statistic) if _varies(a) else 0.0),
        len(best[0] & best[1]) / n_top,
        float(np.mean(judged - true)) if is_error else None,
    )


def rank(
    path: str | Path,
    truth: str | None,
    n_architectures: int,
    epochs: int | None = None,
    recalibrate: int = 20,
    context: str | None = None,
    say: Callable[[str], None] = print,
) -> list[Agreement]:
    """Judge uniformly drawn architectures with a super-network's weights, and compare.

    Args:
        path: the output folder of the super-network's run.
        truth: a table of true errors; None trains the architectures from scratch instead.
        n_architectures: how many.
        epochs: epochs of these trainings; by default as many as the super-network had.
        recalibrate: training batches that batch-norm statistics are recomputed on.
        context: what to compute on; by default as the experiment says.
        say: takes a line about each architecture that was trained.

    Returns:
        With recomputed statistics, with the super-network's, and by multiply-adds alone.

    Raises:
        InputError: if the folder holds no super-network, or the table is not of its space.
    """
    folder = RunFolder(path)
    experiment = _experiment(folder, epochs)
    device = choose_device(context or experiment.context, experiment.device_id, "float")
    runtime = Runtime(device, random.Streams(experiment.seed))
    with random.use(runtime.streams), nn.context_scope(device.context):
        model, data = build_network(experiment), build_dataset(experiment).read()
        nowhere, silent = RunFolder(folder.path / "rank"), Monitor(io.StringIO())
        options = experiment.algorithm.options
        with closing(
            RandomSearcher(experiment, runtime, model, data, nowhere, silent, False, **options)
        ) as runner:
            codes, true = _true_errors(runner, truth, n_architectures, say)
            weights = str(folder.weights)
            with_statistics = _errors(
                Inherit(runner, runner.encoding, weights=weights, recalibrate=recalibrate), codes
            )
            without = _errors(
                Inherit(runner, runner.encoding, weights=weights, recalibrate=0), codes
            )
            costs = [runner.allowed.costs(code)["multiply_adds"] for code in codes]
    return [
        agreement("inherited weights, statistics recomputed", with_statistics, true),
        agreement("inherited weights, inherited statistics", without, true),
        agreement("multiply-adds alone", -np.array(costs), true, is_error=False),
    ]


def _experiment(folder: RunFolder, epochs: int | None) -> Experiment:
    """Return the experiment of a super-network as one that judges by short trainings."""
    if not folder.config.is_file():
        raise InputError(f"{folder.path}: holds no run: there is no {folder.config.name} in it")
    experiment = read_experiment(str(folder.config))
    if not experiment.search:
        raise InputError(f"{folder.path}: holds a training of one architecture, no super-network")
    if not folder.weights.is_file():
        raise InputError(f"{folder.path}: holds no {folder.weights.name}: nothing is trained yet")
    if experiment.optimizer.train is None:
        raise InputError(f"{folder.config}: optimizer.train is missing: nothing trained weights")
    evaluator = {"name": "Train", "epoch": epochs or max(experiment.epoch, 1)}
    named = Named(name="RandomSearcher", options={"evaluations": 1, "evaluator": evaluator})
    changed = experiment.model_copy(update={"algorithm": named, "regularizer": {}})
    completed, _ = complete(changed.with_sources(experiment.sources))
    return completed


def _true_errors(
    runner: RandomSearcher, truth: str | None, n: int, say: Callable[[str], None]
) -> tuple[list[Code], Floats]:
    """Return uniformly drawn architectures and their true errors."""
    encoding = runner.encoding
    stream = runner.runtime.streams.derived("ranked architectures")
    if truth is not None:
        table = Benchmark(truth)
        known = [encoding.read(encoding.text(code)) for code in table.errors]
        drawn = stream.permutation(len(known))[:n]
        codes = [known[index] for index in drawn]
        _require_enough(len(codes), n)
        return codes, np.array([table.error(code) for code in codes])
    distinct: dict[Code, None] = {}
    _require_enough(min(n, encoding.n_architectures), n)
    while len(distinct) < min(n, encoding.n_architectures):
        distinct[encoding.random(stream)] = None
    codes, errors = list(distinct), []
    for number, code in enumerate(codes, start=1):
        errors += _errors(runner.evaluator, [code]).tolist()
        say(f"trained {number} of {len(codes)}: error {errors[-1]:.4f}")
    assert isinstance(runner.evaluator, Train)
    return codes, np.array(errors)


def _errors(evaluator: Evaluator, codes: Sequence[Code]) -> Floats:
    errors = []
    for code in codes:
        errors.append(evaluator.judge(code, 0, []).error)
        evaluator.restore()
    return np.array(errors)


def _require_enough(found: int, wanted: int) -> None:
    if found < _FEWEST:
        raise InputError(f"got {min(found, wanted)} architectures; allowed {_FEWEST} or more")


def _varies(values: Floats) -> bool:
    """Return whether values can be ranked at all."""
    return bool(np.ptp(values) > 0)
