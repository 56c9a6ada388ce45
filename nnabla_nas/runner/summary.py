"""What an experiment is, in a few lines, before anything is computed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from math import prod

from nnabla_nas import random
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.dataset.dataset import DatasetInfo
from nnabla_nas.estimator import FLOPsEstimator
from nnabla_nas.estimator.active_path import build_active_path
from nnabla_nas.search_space.model import Model

_PATHS = 9
_FLOAT = 4


def summarize(experiment: Experiment, device: str, info: DatasetInfo, model: Model) -> str:
    """Return the summary that a run begins with and a dry run prints.

    Args:
        experiment: the completed experiment.
        device: what it runs on.
        info: the data set's sizes.
        model: the network, built.
    """
    shape = info.shape
    lines = [
        f"{experiment.algorithm.name} on {device}, seed {experiment.seed}",
        f"data: {experiment.dataset.name}, {'x'.join(map(str, shape))}, {info.n_classes} classes, "
        f"{info.n_train:,} training and {info.n_test:,} test images",
        f"network: {experiment.network.search_space}, {'search' if experiment.search else 'train'}",
        _in_words(model),
        _multiply_adds(model, shape),
        _memory(experiment, model, shape),
        _updates(experiment, info),
    ]
    return "\n".join(lines)


def _in_words(model: Model) -> str:
    """Return what the network says of itself; one of a user's own may fail without harm."""
    try:
        return model.summary()
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return f"warning: {type(model).__name__}.summary() failed: {reason}"


def _multiply_adds(model: Model, shape: Sequence[int]) -> str:
    """Count one architecture, or say how far those of a super-network lie apart."""
    estimator = FLOPsEstimator()
    choices = list(model.choices().values())
    if not choices:
        text = f"multiply-adds: {estimator.estimate(model, shape):,} per example"
    else:
        before = [choice.active for choice in choices]
        stream = random.current().derived("summary")
        counts = []
        for _ in range(_PATHS):
            model.set_architecture([int(stream.integers(len(c.names))) for c in choices])
            counts.append(estimator.estimate(model, shape))
        model.set_architecture(before)
        text = (
            f"multiply-adds: {int(statistics.median(counts)):,} per example (median of {_PATHS} "
            f"random paths, {min(counts):,} to {max(counts):,})"
        )
    if estimator.uncounted:
        text += f"; not counted: {', '.join(estimator.uncounted)}"
    return text


def _memory(experiment: Experiment, model: Model, shape: Sequence[int]) -> str:
    """Estimate from shapes: weights and gradients and solver state, activations of one pass."""
    weights = sum(p.size for p in model.get_parameters().values())
    activations = 0

    def visit(function: object) -> None:
        nonlocal activations
        activations += sum(prod(v.shape) for v in function.outputs)  # type: ignore[attr-defined]

    # In a weighted mixture every candidate's output is kept for the backward pass.
    weighted = any(choice.weighted for choice in model.choices().values())
    build_active_path(model, shape, active_only=not weighted).visit(visit)
    passes = activations * experiment.mini_batch_train * 2
    return (
        f"memory: about {(3 * weights + passes) * _FLOAT / 1e6:,.0f} MB "
        f"(weights, gradients and momentum {3 * weights * _FLOAT / 1e6:,.0f} MB; "
        f"{'all paths' if weighted else 'one path'} on {experiment.mini_batch_train} examples "
        f"{passes * _FLOAT / 1e6:,.0f} MB)"
    )


def _updates(experiment: Experiment, info: DatasetInfo) -> str:
    part = round(info.n_train * experiment.train_portion)
    updates = part // experiment.batch_size_train
    epochs = f"{experiment.epoch} epochs"
    if experiment.search and experiment.warmup:
        epochs = f"{experiment.warmup} warm-up and {epochs}"
    return f"updates per epoch: {updates:,} ({part:,} examples), {epochs}"
