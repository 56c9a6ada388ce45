"""Putting several inputs together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.building import builder, connected, have_one_shape
from nnabla_nas.function.form import is_plain

MERGING_MODES = ("concat", "add", "mul")


def concatenate(inputs: Sequence[nn.Variable], axis: int = 1) -> nn.Variable:
    """Put the inputs behind each other.

    Args:
        inputs: variables that agree in all axes but one.
        axis: that axis; by default the channels'.
    """
    fast = builder(*inputs) if axis == 1 else None
    if fast is not None and len({(x.shape[0], *x.shape[2:]) for x in inputs}) == 1:
        return fast.concatenation(inputs)
    return F.concatenate(*map(connected, inputs), axis=axis)


def add(inputs: Sequence[nn.Variable]) -> nn.Variable:
    """Return the sum of the inputs.

    Args:
        inputs: variables of one shape.
    """
    fast = builder(*inputs)
    if fast is not None and have_one_shape(inputs):
        return fast.sum(inputs)
    # Formats for other programs know the sum of two, not nnabla's of many.
    inputs = [connected(x) for x in inputs]
    return reduce(F.add2, inputs) if is_plain() else F.add_n(*inputs)


def scale_examples(x: nn.Variable, factors: nn.Variable) -> nn.Variable:
    """Multiply every example by a factor, which is not learned.

    Args:
        x: (B, …).
        factors: (B, 1, …).
    """
    fast = builder(x)
    if fast is not None and factors.shape == (x.shape[0], 1, 1, 1):
        return fast.scaled_examples(x, factors)
    return F.mul2(connected(x), factors)


def multiply(inputs: Sequence[nn.Variable]) -> nn.Variable:
    """Return the product of the inputs, value by value.

    Args:
        inputs: variables of one shape.
    """
    # nnabla's mul_n divides the product by each factor for the gradient: NaN where one is zero.
    return reduce(F.mul2, map(connected, inputs))


def merge(inputs: Sequence[nn.Variable], mode: str, axis: int = 1) -> nn.Variable:
    """Put the inputs together.

    Args:
        inputs: one or more variables; of one shape, but for the axis of `concat`.
        mode: `concat`, `add` or `mul`.
        axis: where `concat` joins them.

    Raises:
        ValueError: if there is no input, or the mode is another.
    """
    if mode not in MERGING_MODES:
        raise ValueError(f"mode must be one of {', '.join(MERGING_MODES)}; got '{mode}'")
    if not inputs:
        raise ValueError("merging needs at least one input")
    if len(inputs) == 1:
        return inputs[0]
    if mode == "concat":
        return concatenate(inputs, axis)
    return add(inputs) if mode == "add" else multiply(inputs)
