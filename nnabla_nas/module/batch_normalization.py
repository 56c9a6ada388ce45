"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import nnabla as nn
import numpy as np

import nnabla_nas.function as function
from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Initializer, Parameter


class BatchNormalization(Module):
    """Normalise with the batch's statistics in training, with the running ones otherwise.

    With `private_statistics` the batch's statistics are used and the running ones neither read nor
    written.

    Args:
        n_features: size of the axis that keeps statistics of its own.
        n_dims: number of axes of the input.
        axes: that axis.
        decay_rate: share of the running statistics that an update keeps.
        eps: added to the variance.
        output_stat: whether the call also returns the batch's mean and variance.
        fix_parameters: whether scale and shift are not trained.
        param_init: initializers by name: `beta`, `gamma`, `mean`, `var`.

    Attributes:
        decay_rate: share of the running statistics that an update keeps.
    """

    def __init__(
        self,
        n_features: int,
        n_dims: int,
        axes: Sequence[int] = (1,),
        decay_rate: float = 0.9,
        eps: float = 1e-5,
        output_stat: bool = False,
        fix_parameters: bool = False,
        param_init: Mapping[str, Initializer | np.ndarray] | None = None,
    ) -> None:
        self._n_features = n_features
        self._axes = list(axes)
        self.decay_rate = decay_rate
        self._eps = eps
        self._output_stat = output_stat
        shape = tuple(n_features if axis in self._axes else 1 for axis in range(n_dims))
        start = {"gamma": np.ones, "var": np.ones, **(param_init or {})}
        trained = not fix_parameters
        self._beta = Parameter(shape, trained, start.get("beta"))
        self._gamma = Parameter(shape, trained, start["gamma"])
        self._mean = Parameter(shape, False, start.get("mean"))
        self._var = Parameter(shape, False, start["var"])

    @property
    def running_mean(self) -> Parameter:
        """The running mean."""
        return self._mean

    @property
    def running_var(self) -> Parameter:
        """The running variance."""
        return self._var

    def call(self, x: nn.Variable) -> nn.Variable:
        """Normalise, scale and shift.

        Args:
            x: `n_dims` axes, `n_features` on the normalised one.

        Returns:
            x's shape; with `output_stat` a tuple with the batch's mean and variance.
        """
        return function.batch_normalization(
            x,
            self._beta,
            self._gamma,
            None if self.private_statistics else self._mean,
            None if self.private_statistics else self._var,
            axes=self._axes,
            decay_rate=self.decay_rate,
            eps=self._eps,
            batch_stat=self.training or self.private_statistics,
            output_stat=self._output_stat,
        )

    def be_identity(self) -> None:
        """Set scale, shift and running statistics to those that change nothing, but for eps."""
        for parameter, value in (
            (self._beta, 0),
            (self._gamma, 1),
            (self._mean, 0),
            (self._var, 1),
        ):
            parameter.d = value

    def extra_repr(self) -> str:
        """Return the number of features."""
        return f"{self._n_features}"
