"""Weighted sums as functions of the graph, on activations of any layout."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import nnabla as nn
import numpy as np

from nnabla_nas.function.cpu.cpu_function import CpuFunction, gradient, read, write
from nnabla_nas.function.cpu.mixture import mix, mix_backward, scale_examples

_NO_VALUES = np.empty(0, np.float32)


class Mixture(CpuFunction):
    """Σ over branches of weight · branch; with no weights, their sum.

    Inputs: the vectors that weights are taken from, then the branches.

    Args:
        n_vectors: how many vectors there are.
        places: per branch the number of the vector and the position in it.
        alphas: the parameters that the vectors are computed from.
    """

    def __init__(
        self,
        n_vectors: int,
        places: Sequence[tuple[int, int]],
        alphas: Sequence[nn.Variable] = (),
    ) -> None:
        super().__init__()
        self._n = n_vectors
        self._alphas = list(alphas)
        self._places = list(places)

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Give the output the branches' shape.

        Args:
            inputs: as the class says.
            outputs: one variable.
        """
        shape = inputs[self._n].shape
        self._size = prod(shape)
        self._ones = np.ones(len(inputs) - self._n, np.float32)
        outputs[0].reset_shape(shape, True)

    def _weights(self, inputs: Any) -> np.ndarray:
        if not self._n:
            return self._ones
        vectors = [v.data.data.reshape(-1) for v in inputs[: self._n]]
        return np.array([vectors[k][i] for k, i in self._places], np.float32)

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Sum.

        Args:
            inputs: as the class says.
            outputs: one variable.
        """
        branches = np.array([read(v.data) for v in inputs[self._n :]])
        mix(branches, self._weights(inputs), write(outputs[0].data), self._size)

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Weigh the gradient for the branches; for each weight take its product with the branch.

        Args:
            inputs: as the class says.
            outputs: one variable.
            propagate_down: which inputs need a gradient.
            accum: whether to add to the gradients that are there.
        """
        n, branches = self._n, inputs[self._n :]
        learns = any(propagate_down[:n])
        values = [read(v.data) if learns else 0 for v in branches]
        targets = [
            (read(v.grad) if accum[n + k] else write(v.grad)) if propagate_down[n + k] else 0
            for k, v in enumerate(branches)
        ]
        inner = np.zeros(len(branches), np.float32) if learns else _NO_VALUES
        mix_backward(
            np.array(values), np.array(targets), self._weights(inputs), read(outputs[0].grad),
            self._size, np.array([bool(a) for a in accum[n:]]), inner,
        )  # fmt: skip
        for k in range(n):
            if propagate_down[k]:
                gradient(inputs[k], accum[k])
                weights = inputs[k].grad.data.reshape(-1)
                for value, (vector, position) in zip(inner, self._places, strict=True):
                    if vector == k:
                        weights[position] += value

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        """Return that weights are needed for the branches' gradients, and the other way round.

        Args:
            i: index of an input.
            j: index of an input.
        """
        if i < self._n:
            # Where the weights do not learn, nothing holds the branches' values.
            return j >= self._n and any(alpha.need_grad for alpha in self._alphas)
        return j < self._n


class ScaledExamples(CpuFunction):
    """x (C, H, W, B) times one factor per example; the factors are not learned."""

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Give the output x's shape.

        Args:
            inputs: x and B factors in any shape.
            outputs: one variable.
        """
        shape = inputs[0].shape
        self._shape = (prod(shape[:-1]), shape[-1])
        outputs[0].reset_shape(shape, True)

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Multiply.

        Args:
            inputs: x and the factors.
            outputs: one variable.
        """
        x, factors = (read(v.data) for v in inputs)
        scale_examples(x, factors, write(outputs[0].data), *self._shape, False)

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Multiply the gradient.

        Args:
            inputs: x and the factors.
            outputs: one variable.
            propagate_down: whether x needs a gradient.
            accum: whether to add to the gradient that is there.
        """
        if propagate_down[0]:
            gx = read(inputs[0].grad) if accum[0] else write(inputs[0].grad)
            g, factors = read(outputs[0].grad), read(inputs[1].data)
            scale_examples(g, factors, gx, *self._shape, bool(accum[0]))
