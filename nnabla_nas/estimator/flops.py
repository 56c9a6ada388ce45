"""Counting the multiply-adds of an architecture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import nnabla as nn

from nnabla_nas.estimator.decomposition import functions_of
from nnabla_nas.estimator.estimator import AdditiveEstimator
from nnabla_nas.search_space.model import Model


def _convolution(function: Any) -> int:
    """Every output value sums over one filter: weights are (filters, *filter)."""
    weight = function.inputs[1].shape
    return prod(function.outputs[0].shape) * prod(weight[1:])


def _affine(function: Any) -> int:
    """Every output value sums over all inputs of its example."""
    return prod(function.outputs[0].shape) * function.inputs[1].shape[0]


COUNTERS: dict[str, Callable[[Any], int]] = {
    "Convolution": _convolution,
    "DepthwiseConvolution": _convolution,
    "Affine": _affine,
}

# Functions that move, compare, add, mask or scale single values (activations, merging), or that
# inference folds into the convolution before them (batch normalisation): the papers' figures leave
# them out.
WITHOUT_MULTIPLY_ADDS = frozenset(
    {
        "Add2",
        "AddN",
        "AddScalar",
        "AveragePooling",
        "BatchNormalization",
        "Concatenate",
        "GlobalAveragePooling",
        "Identity",
        "LeakyReLU",
        "MaxPooling",
        "Mul2",
        "MulScalar",
        "Pad",
        "ReLU",
        "ReLU6",
        "Reshape",
        "Slice",
        "Transpose",
    }
)


def count_multiply_adds(output: nn.Variable) -> tuple[int, list[str]]:
    """Count the multiply-adds of a graph.

    Args:
        output: the end of the graph; its shapes decide, so build it for one example.

    Returns:
        The count, and the names of functions that it does not know and left out.
    """
    return _count(functions_of(output))


def _count(functions: Iterable[Any]) -> tuple[int, list[str]]:
    total = 0
    unknown: set[str] = set()
    for function in functions:
        name = function.info.type_name
        if name in COUNTERS:
            total += COUNTERS[name](function)
        elif name not in WITHOUT_MULTIPLY_ADDS:
            unknown.add(name)
    return total, sorted(unknown)


class FLOPsEstimator(AdditiveEstimator):
    """Count the multiply-adds of the active path for one example.

    Attributes:
        uncounted: names of the functions that the estimates so far had no rule for.
    """

    unit = "multiply-adds"

    def __init__(self) -> None:
        self.uncounted: list[str] = []

    def cost_of(self, functions: Sequence[Any], model: Model) -> int:
        """Return the multiply-adds of some functions.

        Args:
            functions: nnabla functions of a graph for one example.
            model: the network they are part of.
        """
        total, unknown = _count(functions)
        self.uncounted = sorted({*self.uncounted, *unknown})
        return total
