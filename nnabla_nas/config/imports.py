"""Which modules an experiment would import."""

from __future__ import annotations

from collections.abc import Iterator

from nnabla_nas.config.experiment import Experiment


def import_paths(experiment: Experiment) -> list[tuple[str, str]]:
    """Return the key and the name of everything that an experiment names as `module:name`.

    Args:
        experiment: an experiment that passed the first stage.
    """
    return [(key, name) for key, name in _names(experiment) if ":" in name]


def _names(experiment: Experiment) -> Iterator[tuple[str, str]]:
    yield "dataset", experiment.dataset.name
    yield "network.search_space", experiment.network.search_space
    yield "algorithm", experiment.algorithm.name
    evaluator = experiment.algorithm.options.get("evaluator")
    if isinstance(evaluator, dict):
        evaluator = evaluator.get("name")
    if isinstance(evaluator, str):
        yield "algorithm.evaluator", evaluator
    for phase, settings in experiment.optimizer.phases().items():
        yield f"optimizer.{phase}.solver", settings.solver.name
        if settings.lr_scheduler is not None:
            yield f"optimizer.{phase}.lr_scheduler", settings.lr_scheduler.name
    for key, one in experiment.regularizer.items():
        yield f"regularizer.{key}", one.name
