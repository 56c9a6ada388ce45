"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.module.initialization import glorot_uniform
from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Initializer, Parameter


class Linear(Module):
    """Return x · W + b.

    Args:
        in_features: features of one example, all axes behind the batch axes flattened.
        out_features: features of the output.
        base_axis: the first axis that is not a batch axis.
        w_init: initializer of the weights; by default Glorot-uniform.
        b_init: initializer of the bias; by default zeros.
        rng: generator of the default initializer; by default the run's stream `weights`.
        bias: whether there is a bias.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        base_axis: int = 1,
        w_init: Initializer | None = None,
        b_init: Initializer | None = None,
        rng: Any = None,
        bias: bool = True,
    ) -> None:
        self._in_features = in_features
        self._out_features = out_features
        self._base_axis = base_axis
        if w_init is None:
            w_init = glorot_uniform(in_features, out_features, rng)
        self._W = Parameter((in_features, out_features), initializer=w_init)
        self._b = Parameter((out_features,), initializer=b_init) if bias else None

    def call(self, x: nn.Variable) -> nn.Variable:
        """Multiply by the weights and add the bias.

        Args:
            x: (B, …) with `in_features` values per example.

        Returns:
            (B, out_features).
        """
        return function.affine(x, self._W, self._b, self._base_axis)

    def extra_repr(self) -> str:
        """Return the numbers of features."""
        return f"{self._in_features}, {self._out_features}"
