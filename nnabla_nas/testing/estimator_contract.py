"""What every estimator must satisfy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnabla_nas.estimator.estimator import Estimator
from nnabla_nas.registry import search_spaces
from nnabla_nas.search_space.model import Model
from nnabla_nas.search_space.random_architectures import covering_architectures, scatter_alphas
from nnabla_nas.testing.connection import Arguments, Shape, build
from nnabla_nas.testing.requirement import require, shown
from nnabla_nas.testing.toy_space import TOY_SPACE

_FLAGS = ("training", "active_only", "private_statistics")


def check_estimator(
    estimator: Estimator,
    space: Any = TOY_SPACE,
    arguments: Arguments | None = None,
    input_shape: Shape = (1, 8, 8),
    *,
    tolerance: float = 0.0,
) -> None:
    """Check an estimator on the super-network of a space.

    Args:
        estimator: the estimator.
        space: the class with `SearchNet`, or its registered name.
        arguments: of SearchNet.
        input_shape: (C, H, W) of one example.
        tolerance: by what share estimates of one architecture may differ; 0 where nothing is
            measured.

    Raises:
        AssertionError: with a sentence that says what is violated.
    """
    space = search_spaces.get(space) if isinstance(space, str) else space
    model = build(space.SearchNet, arguments or {})
    check_unit(estimator)
    check_estimates(estimator, model, input_shape, tolerance)
    check_estimating_leaves_no_trace(estimator, model, input_shape)


def check_unit(estimator: Estimator) -> None:
    """Check that an estimator says what its number counts.

    Args:
        estimator: the estimator.
    """
    unit = getattr(estimator, "unit", None)
    require(isinstance(unit, str) and unit, f"unit is {unit!r}; it says what the number counts")


def check_estimates(
    estimator: Estimator, model: Model, input_shape: Shape, tolerance: float = 0.0
) -> None:
    """Check that estimates are finite and depend on the active architecture, and on it alone.

    Args:
        estimator: the estimator.
        model: a super-network.
        input_shape: (C, H, W) of one example.
        tolerance: by what share estimates of one architecture may differ.
    """
    architectures = covering_architectures(model)
    estimates = []
    for architecture in architectures:
        model.set_architecture(architecture)
        value = estimator.estimate(model, input_shape)
        require(
            isinstance(value, (int, float)) and math.isfinite(value) and value >= 0,
            f"the estimate of architecture {architecture} is {value!r}; it is a finite number, "
            "0 or more",
        )
        estimates.append(value)
    require(len(set(estimates)) > 1, f"all of {len(estimates)} architectures cost {estimates[0]:,}")
    scatter_alphas(model)
    for architecture, before in zip(architectures, estimates, strict=True):
        model.set_architecture(architecture)
        value = estimator.estimate(model, input_shape)
        require(
            abs(value - before) <= tolerance * before,
            f"architecture {architecture} costs {before:,}, and {value:,} when estimated again "
            "with other probabilities",
        )


def check_estimating_leaves_no_trace(
    estimator: Estimator, model: Model, input_shape: Shape
) -> None:
    """Check that estimating changes neither the network's state nor its parameters.

    Args:
        estimator: the estimator.
        model: a super-network.
        input_shape: (C, H, W) of one example.
    """
    for training in (True, False):
        model.apply(training=training)
        before, values = (
            _state(model),
            {k: np.array(p.d) for k, p in model.get_parameters().items()},
        )
        estimator.estimate(model, input_shape)
        after = _state(model)
        changed = sorted(name for name in before if before[name] != after[name])
        require(not changed, f"estimating changes {shown(changed)} of the network")
        moved = [k for k, p in model.get_parameters().items() if not np.array_equal(p.d, values[k])]
        require(not moved, f"estimating changes parameter {shown(moved)}")


def _state(model: Model) -> dict[str, Any]:
    flags = {
        f"{name} ({path or 'the network itself'})": getattr(module, name)
        for path, module in model.get_modules()
        for name in _FLAGS
    }
    active = {f"choice '{path}'": choice.active for path, choice in model.choices().items()}
    trained = {f"need_grad of '{p}'": v.need_grad for p, v in model.get_parameters().items()}
    return {**flags, **active, **trained}
