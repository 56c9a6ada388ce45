"""[ReLU] → [convolution] → [1×1] → [bias] → [batch normalisation] → [activation] as one.

It is the recurring piece of every space: nothing between its stages is kept but what the
normalisation reads, and that once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import nnabla as nn
import numpy as np

from nnabla_nas.function import buffers
from nnabla_nas.function.cpu.activation import (
    NO_ACTIVATION,
    RELU,
    activate,
    activate_backward,
)
from nnabla_nas.function.cpu.bias import add_bias, add_sums
from nnabla_nas.function.cpu.dense import dense, dense_filters, dense_input
from nnabla_nas.function.cpu.depthwise import depthwise
from nnabla_nas.function.cpu.depthwise_gradients import depthwise_filters, depthwise_input
from nnabla_nas.function.cpu.normalization import normalize, normalize_backward
from nnabla_nas.function.cpu.operation import Back, Operation, Targets, Value, move
from nnabla_nas.function.cpu.product import add_outer, multiply
from nnabla_nas.function.host_values import address, host_values
from nnabla_nas.function.window import Window


@dataclass(frozen=True)
class Stages:
    """What a unit computes, in the order of the fields.

    Args:
        rectify: max(x, 0).
        filters: `depthwise` or `dense` convolution by `window`, or none.
        window: see there.
        pointwise: a 1×1 convolution.
        biased: whether the convolution adds a number per channel.
        normalized: (decay rate, eps, whether by the batch's statistics), or none.
        activation: NO_ACTIVATION, RELU or RELU6.
        moves: whether the normalisation moves running statistics that somebody reads.
    """

    rectify: bool = False
    filters: Literal["", "depthwise", "dense"] = ""
    window: Window | None = None
    pointwise: bool = False
    biased: bool = False
    normalized: tuple[float, float, bool] | None = None
    activation: int = NO_ACTIVATION
    moves: bool = False

    @property
    def convolves(self) -> bool:
        """Whether there is a convolution."""
        return bool(self.filters) or self.pointwise


class Unit(Operation):
    """The stages, applied to an activation.

    Args:
        stages: what is computed.
        x: the input, (C, H, W, B).
        variables: [filters], [1×1 filters], [bias], [beta, gamma, mean, variance].
    """

    def __init__(self, stages: Stages, x: Value, variables: Sequence[nn.Variable]) -> None:
        channels, height, width, batch = x.shape
        window, rest = stages.window, list(variables)
        sides = (height, width) if window is None else window.output(height, width)
        self._rows = self._inner = channels
        if window is not None:
            self._geometry = window.geometry(x.shape)
        if stages.filters:
            self._filters = rest.pop(0)
            if stages.filters == "dense":
                self._rows = self._inner = self._filters.shape[0]
        if stages.pointwise:
            self._pointwise = rest.pop(0)
            self._rows = self._pointwise.shape[0]
        if stages.biased:
            self._bias = rest.pop(0)
        if stages.normalized:
            self._beta, self._gamma, self._mean, self._variance = rest
            self._used = np.empty((2, self._rows), np.float32)
            self._used_at = self._used.ctypes.data
        self._stages = stages
        self._columns = sides[0] * sides[1] * batch
        super().__init__([x], (self._rows, *sides, batch), variables)

    @property
    def moves(self) -> bool:
        """Whether a forward pass moves running statistics that somebody reads."""
        return self._stages.moves

    def reads_back(self) -> bool:
        """Return whether the backward pass reads the input: for a weight, or to know its sign."""
        return self._stages.rectify or not self._stages.convolves or self.learns()

    def forward(self, x: Sequence[int], y: int, keep: bool) -> None:
        """Run the stages; see the base."""
        stages, source = self._stages, x[0]
        if stages.normalized is None:
            self._convolve(source, y)
            return
        if stages.convolves:
            target = y
            if keep:
                self._kept = buffers.take(self._rows * self._columns)
                target = self._kept.address
            self._convolve(source, target)
            source = target
        decay, eps, batch = stages.normalized
        normalize(
            source, address(self._beta.data), address(self._gamma.data), address(self._mean.data),
            address(self._variance.data), y, self._used_at, self._rows, self._columns,
            np.float32(decay), np.float32(eps), batch, stages.activation,
        )  # fmt: skip

    def _convolve(self, x: int, y: int) -> None:
        """Run the stages in front of the normalisation."""
        stages, rows, inner, columns = self._stages, self._rows, self._inner, self._columns
        if stages.pointwise and stages.filters:
            between = buffers.take(inner * columns)
            self._filter(x, between.address)
            weights = address(self._pointwise.data)
            multiply(weights, between.address, y, rows, inner, columns, False)
            buffers.give(between)
        elif stages.pointwise:
            multiply(address(self._pointwise.data), x, y, rows, inner, columns, stages.rectify)
        elif stages.filters:
            self._filter(x, y)
        else:
            activate(x, y, rows * columns, RELU if stages.rectify else stages.activation)
        if stages.biased:
            add_bias(y, address(self._bias.data), rows, columns)

    def _filter(self, x: int, y: int) -> None:
        stages, weights = self._stages, address(self._filters.data)
        if stages.filters == "depthwise":
            depthwise(x, weights, y, self._geometry, stages.rectify)
        else:
            dense(x, weights, y, self._geometry, self._inner, stages.rectify)

    def backward(self, back: Back) -> None:
        """Run the stages backward; see the base."""
        (x,), g, (gradient,), (add,), targets = back
        stages, n, scratch = self._stages, self._rows * self._columns, None
        if stages.normalized is not None:
            scratch = buffers.take(n)
            source = x if self._kept is None else self._kept.address
            normalize_backward(
                source, address(self._beta.data), address(self._gamma.data), self._used_at, g,
                scratch.address, targets.of(self._beta), targets.of(self._gamma), self._rows,
                self._columns, stages.normalized[2], stages.activation,
            )  # fmt: skip
            g = scratch.address
        target = targets.of(self._bias) if stages.biased else 0
        if target:
            add_sums(g, target, self._rows, self._columns)
        if stages.pointwise:
            self._pointwise_backward(x, g, gradient, add, targets)
        elif stages.filters:
            self._filter_backward(x, g, gradient, add, targets)
        elif gradient:
            self._elementwise_backward(x, g, gradient, add)
        if scratch is not None:
            buffers.give(scratch)

    def _elementwise_backward(self, x: int, g: int, gradient: int, add: bool) -> None:
        n, stages = self._rows * self._columns, self._stages
        if stages.normalized is None:
            activation = RELU if stages.rectify else stages.activation
            activate_backward(x, g, gradient, n, activation, add)
        else:
            move(g, gradient, n, add)

    def _pointwise_backward(
        self, x: int, g: int, gradient: int, add: bool, targets: Targets
    ) -> None:
        stages, rows, inner, columns = self._stages, self._rows, self._inner, self._columns
        target = targets.of(self._pointwise)
        if target and stages.filters:
            between = buffers.take(inner * columns)
            self._filter(x, between.address)
            add_outer(g, between.address, target, rows, inner, columns, False)
            buffers.give(between)
        elif target:
            add_outer(g, x, target, rows, inner, columns, stages.rectify)
        if not (gradient or (stages.filters and targets.wants(self._filters))):
            return
        weights = np.ascontiguousarray(host_values(self._pointwise.data).reshape(rows, inner).T)
        turned = weights.ctypes.data
        if not stages.filters and not stages.rectify and not add:
            multiply(turned, g, gradient, inner, rows, columns, False)
            return
        back = buffers.take(inner * columns)
        multiply(turned, g, back.address, inner, rows, columns, False)
        if stages.filters:
            self._filter_backward(x, back.address, gradient, add, targets)
        elif stages.rectify:
            activate_backward(x, back.address, gradient, inner * columns, RELU, add)
        else:
            move(back.address, gradient, inner * columns, True)
        buffers.give(back)

    def _filter_backward(self, x: int, g: int, gradient: int, add: bool, targets: Targets) -> None:
        stages, weights = self._stages, address(self._filters.data)
        target = targets.of(self._filters)
        if stages.filters == "depthwise":
            if target:
                depthwise_filters(x, g, target, self._geometry, stages.rectify)
            if gradient:
                depthwise_input(x, weights, g, gradient, self._geometry, stages.rectify, add)
        else:
            filters = self._inner
            if target:
                dense_filters(x, g, target, self._geometry, filters, stages.rectify)
            if gradient:
                dense_input(x, weights, g, gradient, self._geometry, filters, stages.rectify, add)
