"""Sums of branches, weighted or chosen, as steps of a program."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import nnabla as nn
import numpy as np

from nnabla_nas.function.cpu.mixture import mix, mix_backward, scale_examples
from nnabla_nas.function.cpu.operation import Back, Operation, Value
from nnabla_nas.function.host_values import address, host_values

_NO_VALUES = np.empty(0, np.float32)


class Mixture(Operation):
    """Σ over branches of weight · branch; with no weights, their sum.

    Args:
        branches: activations of one shape.
        vectors: what the weights are taken from.
        places: per branch the number of the vector and the position in it.
        alphas: the parameters that the vectors are computed from.
    """

    def __init__(
        self,
        branches: Sequence[Value],
        vectors: Sequence[nn.Variable] = (),
        places: Sequence[tuple[int, int]] = (),
        alphas: Sequence[nn.Variable] = (),
    ) -> None:
        super().__init__(branches, branches[0].shape, vectors)
        self._alphas = list(alphas)
        self._places = list(places)

    def learns(self) -> bool:
        """Return whether the weights learn."""
        return any(alpha.need_grad for alpha in self._alphas)

    def reads_back(self) -> bool:
        """Return whether the weights learn: their gradients need the branches."""
        return self.learns()

    def _weights(self, n: int) -> np.ndarray:
        if not self.variables:
            return np.ones(n, np.float32)
        vectors = [host_values(v.data) for v in self.variables]
        return np.array([vectors[k][i] for k, i in self._places], np.float32)

    def forward(self, x: Sequence[int], y: int, keep: bool) -> None:
        """Sum; see the base."""
        mix(np.array(x), self._weights(len(x)), y, self.output.size)

    def backward(self, back: Back) -> None:
        """Weigh the gradient for the branches; for each weight take its product with the branch.

        See the base.
        """
        n = len(back.x)
        wanted = [back.targets.wants(vector) for vector in self.variables]
        inner = np.zeros(n, np.float32) if any(wanted) else _NO_VALUES
        mix_backward(
            np.array(back.x), np.array(back.gradients), self._weights(n), back.g,
            self.output.size, np.array(back.add), inner,
        )  # fmt: skip
        for k, vector in enumerate(self.variables):
            if wanted[k]:
                back.targets.of(vector)
                weights = host_values(vector.grad)
                for value, (source, position) in zip(inner, self._places, strict=True):
                    if source == k:
                        weights[position] += value


class Selection:
    """Which branches of a choice are active.

    Args:
        n_branches: how many there are; at first all are.
    """

    def __init__(self, n_branches: int) -> None:
        self.active: tuple[int, ...] = tuple(range(n_branches))

    def set_active(self, *active: int) -> None:
        """Choose the branches that are summed from the next forward pass on.

        Args:
            active: their indices.
        """
        self.active = active


class Choice(Mixture):
    """The sum of the active branches; the others are not computed.

    Args:
        branches: activations of one shape.
        selection: which are active.
    """

    def __init__(self, branches: Sequence[Value], selection: Selection) -> None:
        super().__init__(branches)
        self._selection = selection

    @property
    def active(self) -> tuple[int, ...]:
        """The indices of the active branches."""
        return self._selection.active

    @property
    def used(self) -> tuple[Value, ...]:
        """The active branches."""
        return tuple(self.inputs[index] for index in self.active)


class ScaledExamples(Operation):
    """The input times one factor per example; the factors are not learned.

    Args:
        x: the input.
        factors: B values.
    """

    def __init__(self, x: Value, factors: nn.Variable) -> None:
        super().__init__([x], x.shape, [factors])
        self._shape = (prod(x.shape[:-1]), x.shape[-1])

    def learns(self) -> bool:
        """Return that the factors do not learn."""
        return False

    def forward(self, x: Sequence[int], y: int, keep: bool) -> None:
        """Multiply; see the base."""
        scale_examples(x[0], address(self.variables[0].data), y, *self._shape, False)

    def backward(self, back: Back) -> None:
        """Multiply the gradient; see the base."""
        (gradient,), (add,) = back.gradients, back.add
        if gradient:
            factors = address(self.variables[0].data)
            scale_examples(back.g, factors, gradient, *self._shape, add)
