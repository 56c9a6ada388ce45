"""The static twins of the layers: the parents first, then the dynamic twin's arguments."""

from __future__ import annotations

from collections.abc import Sequence

import nnabla as nn
import nnabla.functions as F

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas.module.static.module import Module, OneParent


class Identity(OneParent, Mo.Identity):
    """Return the parent's output; arguments as of `nnabla_nas.module.Identity`."""


class Zero(OneParent, Mo.Zero):
    """Return zeros; arguments as of `nnabla_nas.module.Zero`."""


class Conv(OneParent, Mo.Conv):
    """Convolve; arguments as of `nnabla_nas.module.Conv`."""


class DwConv(OneParent, Mo.DwConv):
    """Convolve every channel on its own; arguments as of `nnabla_nas.module.DwConv`."""


class MaxPool(OneParent, Mo.MaxPool):
    """Take the largest value of every window; arguments as of `nnabla_nas.module.MaxPool`."""


class AvgPool(OneParent, Mo.AvgPool):
    """Take the mean of every window; arguments as of `nnabla_nas.module.AvgPool`."""


class GlobalAvgPool(OneParent, Mo.GlobalAvgPool):
    """Average over height and width."""


class ReLU(OneParent, Mo.ReLU):
    """Return max(x, 0); arguments as of `nnabla_nas.module.ReLU`."""


class BatchNormalization(OneParent, Mo.BatchNormalization):
    """Normalise; arguments as of `nnabla_nas.module.BatchNormalization`.

    A node has one output: with `output_stat` the batch's statistics are left out of it.
    """

    def call(self, x: nn.Variable) -> nn.Variable:
        """Normalise, scale and shift.

        Args:
            x: as of the dynamic twin.
        """
        y = super().call(x)
        return y[0] if isinstance(y, tuple) else y

    def _inferred_shape(self) -> tuple[int, ...]:
        # The function hands out statistics in training alone.
        return self.parents[0].shape


class Linear(OneParent, Mo.Linear):
    """Return x · W + b; arguments as of `nnabla_nas.module.Linear`."""


class Dropout(OneParent, Mo.Dropout):
    """Zero values at random in training; arguments as of `nnabla_nas.module.Dropout`."""


class Collapse(OneParent):
    """Drop the axes behind the channels, all of size 1."""

    def call(self, x: nn.Variable) -> nn.Variable:
        """Drop the axes.

        Args:
            x: (B, C, 1, 1).

        Returns:
            (B, C).
        """
        return F.reshape(function.connected(x), x.shape[:2])


class Merging(Module, Mo.Merging):
    """Concatenate, add or multiply the parents' outputs.

    Args:
        parents: two or more nodes.
        mode: `concat`, `add` or `mul`.
        name: what drawings and messages call the node.
        eval_prob: the probability that the node is evaluated.
        axis: where `concat` joins.

    Raises:
        RuntimeError: if there are fewer than two parents, or one is not a static module.
        ValueError: for another mode.
    """

    def __init__(
        self,
        parents: Sequence[Mo.Module],
        mode: str,
        name: str = "",
        eval_prob: float | None = None,
        axis: int = 1,
    ) -> None:
        super().__init__(parents, name, eval_prob)
        if len(parents) < 2:
            raise RuntimeError(f"{self._label()}: needs two parents or more, got {len(parents)}")
        Mo.Merging.__init__(self, mode, axis)
