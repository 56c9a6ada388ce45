"""[ReLU] → [depthwise or dense convolution] → [1×1] → [batch normalisation] → [activation] as one.

It is the recurring piece of every space: nothing between its stages is kept but what the
normalisation reads, and that once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nnabla_nas.function import buffers
from nnabla_nas.function.cpu.cpu_function import CpuFunction, gradient, read, write
from nnabla_nas.function.cpu.dense import dense, dense_filters, dense_input
from nnabla_nas.function.cpu.depthwise import depthwise, depthwise_filters, depthwise_input
from nnabla_nas.function.cpu.normalization import (
    NO_ACTIVATION,
    RELU,
    activate,
    activate_backward,
    add_to,
    normalize,
    normalize_backward,
)
from nnabla_nas.function.cpu.product import add_outer, multiply
from nnabla_nas.function.window import Window


@dataclass(frozen=True)
class Stages:
    """What a unit computes, in the order of the fields.

    Args:
        rectify: max(x, 0).
        filters: `depthwise` or `dense` convolution by `window`, or none.
        window: see there.
        pointwise: a 1×1 convolution.
        normalized: (decay rate, eps, whether by the batch's statistics), or none.
        activation: NO_ACTIVATION, RELU or RELU6.
    """

    rectify: bool = False
    filters: Literal["", "depthwise", "dense"] = ""
    window: Window | None = None
    pointwise: bool = False
    normalized: tuple[float, float, bool] | None = None
    activation: int = NO_ACTIVATION

    @property
    def convolves(self) -> bool:
        """Whether there is a convolution."""
        return bool(self.filters) or self.pointwise


class Unit(CpuFunction):
    """The stages, applied to x (C, H, W, B).

    Inputs: x, [filters], [1×1 filters], [beta, gamma, mean, variance].

    Args:
        stages: what is computed.
    """

    def __init__(self, stages: Stages) -> None:
        super().__init__()
        self._stages = stages
        self._kept: buffers.Buffer | None = None

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Find all shapes.

        Args:
            inputs: as the class says.
            outputs: one variable, (F, H_out, W_out, B).
        """
        stages = self._stages
        channels, height, width, batch = inputs[0].shape
        sides = (height, width) if stages.window is None else stages.window.output(height, width)
        if stages.window is not None:
            self._geometry = stages.window.geometry(inputs[0].shape)
        self._columns = sides[0] * sides[1] * batch
        position = 1
        self._filters_at = self._pointwise_at = self._norm_at = 0
        self._rows = self._inner = channels
        if stages.filters:
            self._filters_at, position = position, position + 1
            if stages.filters == "dense":
                self._rows = self._inner = inputs[self._filters_at].shape[0]
        if stages.pointwise:
            self._pointwise_at, position = position, position + 1
            self._rows = inputs[self._pointwise_at].shape[0]
        if stages.normalized:
            self._norm_at = position
            self._used = np.empty((2, self._rows), np.float32)
            self._used_at = self._used.ctypes.data
        outputs[0].reset_shape((self._rows, *sides, batch), True)

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Run the stages.

        Args:
            inputs: as the class says.
            outputs: one variable.
        """
        stages, x, y = self._stages, read(inputs[0].data), write(outputs[0].data)
        if stages.normalized is None:
            self._convolve(inputs, x, y)
            return
        source = x
        if stages.convolves:
            if self._kept is None:
                self._kept = buffers.take(self._rows * self._columns)
                buffers.keep(self)
            source = self._kept.address
            self._convolve(inputs, x, source)
        beta, gamma, mean, variance = (read(v.data) for v in inputs[self._norm_at :])
        decay, eps, batch = stages.normalized
        normalize(
            source, beta, gamma, mean, variance, y, self._used_at, self._rows, self._columns,
            np.float32(decay), np.float32(eps), batch, stages.activation,
        )  # fmt: skip
        if not buffers.keeps_for_backward():
            self.forget()

    def forget(self) -> None:
        """Give back what is kept for the backward pass, which recomputes it if it comes."""
        if self._kept is not None:
            buffers.give(self._kept)
            self._kept = None
            buffers.kept_no_more(self)

    def _convolve(self, inputs: Any, x: int, y: int) -> None:
        """Run the stages in front of the normalisation."""
        stages = self._stages
        if stages.pointwise and stages.filters:
            inner = buffers.take(self._inner * self._columns)
            self._filter(inputs, x, inner.address)
            weights = read(inputs[self._pointwise_at].data)
            multiply(weights, inner.address, y, self._rows, self._inner, self._columns, False)
            buffers.give(inner)
        elif stages.pointwise:
            weights = read(inputs[self._pointwise_at].data)
            multiply(weights, x, y, self._rows, self._inner, self._columns, stages.rectify)
        elif stages.filters:
            self._filter(inputs, x, y)
        else:
            activation = RELU if stages.rectify else stages.activation
            activate(x, y, self._rows * self._columns, activation)

    def _filter(self, inputs: Any, x: int, y: int) -> None:
        stages = self._stages
        weights = read(inputs[self._filters_at].data)
        if stages.filters == "depthwise":
            depthwise(x, weights, y, self._geometry, stages.rectify)
        else:
            dense(x, weights, y, self._geometry, self._inner, stages.rectify)

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Run the stages backward.

        Args:
            inputs: as the class says.
            outputs: one variable.
            propagate_down: which inputs need a gradient.
            accum: whether to add to the gradients that are there.
        """
        stages, wanted = self._stages, propagate_down
        g, n = read(outputs[0].grad), self._rows * self._columns
        scratch = None
        if stages.normalized is not None:
            scratch = buffers.take(n)
            self._normalize_backward(inputs, g, scratch.address, wanted, accum)
            g = scratch.address
        if stages.pointwise:
            self._pointwise_backward(inputs, g, wanted, accum)
        elif stages.filters:
            self._filter_backward(inputs, g, wanted, accum)
        elif wanted[0]:
            self._elementwise_backward(inputs[0], g, accum[0])
        if scratch is not None:
            buffers.give(scratch)

    def _elementwise_backward(self, x: Any, g: int, add: bool) -> None:
        n, stages = self._rows * self._columns, self._stages
        gx = read(x.grad) if add else write(x.grad)
        if stages.normalized is None:
            activation = RELU if stages.rectify else stages.activation
            activate_backward(read(x.data), g, gx, n, activation, add)
        elif add:
            add_to(g, gx, n)
        else:
            x.grad.zero()
            add_to(g, read(x.grad), n)

    def _normalize_backward(
        self, inputs: Any, g: int, gx: int, wanted: list[bool], accum: list[bool]
    ) -> None:
        stages, at = self._stages, self._norm_at
        assert stages.normalized is not None
        source = read(inputs[0].data)
        if stages.convolves:
            if self._kept is None:
                # A second backward pass after one forward pass.
                self._kept = buffers.take(self._rows * self._columns)
                self._convolve(inputs, source, self._kept.address)
            source = self._kept.address
        g_beta, g_gamma = (gradient(inputs[i], accum[i]) if wanted[i] else 0 for i in (at, at + 1))
        normalize_backward(
            source, read(inputs[at].data), read(inputs[at + 1].data), self._used_at, g, gx,
            g_beta, g_gamma, self._rows, self._columns, stages.normalized[2], stages.activation,
        )  # fmt: skip
        self.forget()

    def _pointwise_backward(
        self, inputs: Any, g: int, wanted: list[bool], accum: list[bool]
    ) -> None:
        stages, at = self._stages, self._pointwise_at
        rows, inner, columns = self._rows, self._inner, self._columns
        x = read(inputs[0].data)
        if wanted[at]:
            target = gradient(inputs[at], accum[at])
            if stages.filters:
                between = buffers.take(inner * columns)
                self._filter(inputs, x, between.address)
                add_outer(g, between.address, target, rows, inner, columns, False)
                buffers.give(between)
            else:
                add_outer(g, x, target, rows, inner, columns, stages.rectify)
        if not (wanted[0] or (stages.filters and wanted[self._filters_at])):
            return
        turned = np.ascontiguousarray(inputs[at].data.data.reshape(rows, inner).T)
        if not stages.filters and not stages.rectify and not accum[0]:
            multiply(turned.ctypes.data, g, write(inputs[0].grad), inner, rows, columns, False)
            return
        back = buffers.take(inner * columns)
        multiply(turned.ctypes.data, g, back.address, inner, rows, columns, False)
        if stages.filters:
            self._filter_backward(inputs, back.address, wanted, accum)
        elif stages.rectify:
            gx = read(inputs[0].grad) if accum[0] else write(inputs[0].grad)
            activate_backward(x, back.address, gx, inner * columns, RELU, accum[0])
        else:
            add_to(back.address, read(inputs[0].grad), inner * columns)
        buffers.give(back)

    def _filter_backward(self, inputs: Any, g: int, wanted: list[bool], accum: list[bool]) -> None:
        stages, at = self._stages, self._filters_at
        x, w = read(inputs[0].data), read(inputs[at].data)
        target = gradient(inputs[at], accum[at]) if wanted[at] else 0
        gx, add = 0, accum[0]
        if wanted[0]:
            gx = read(inputs[0].grad) if add else write(inputs[0].grad)
        if stages.filters == "depthwise":
            if target:
                depthwise_filters(x, g, target, self._geometry, stages.rectify)
            if gx:
                depthwise_input(x, w, g, gx, self._geometry, stages.rectify, add)
        else:
            filters = self._inner
            if target:
                dense_filters(x, g, target, self._geometry, filters, stages.rectify)
            if gx:
                dense_input(x, w, g, gx, self._geometry, filters, stages.rectify, add)
