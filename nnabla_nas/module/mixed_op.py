"""A choice between operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnabla as nn
import numpy as np

import nnabla_nas.function as function
from nnabla_nas.module.choice import Choice
from nnabla_nas.module.containers import ModuleList
from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Parameter

MODES = ("full", "sample", "max")


class MixedOp(Choice):
    """Apply a mixture of candidate operations, or one of them.

    In the modes `sample` and `max` every candidate is built once and a mask decides which one is
    computed, so another architecture costs no new graph. A graph lives as long as this module.

    Args:
        operators: the candidates; same input and output shapes.
        mode: `full`: the softmax(alpha)-weighted sum; `sample`: the candidate `active`, set from
            outside; `max`: the candidate of largest alpha.
        alpha: the architecture parameter, (n, 1, 1, 1, 1); by default a new one of zeros.
        rng: generator for `draw`; by default the run's stream `sampling`.

    Raises:
        ValueError: for another mode, or an alpha of another size.
    """

    def __init__(
        self,
        operators: Sequence[Module],
        mode: str = "full",
        alpha: Parameter | None = None,
        rng: Any = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}; got '{mode}'")
        n = len(operators)
        if alpha is not None and alpha.size != n:
            raise ValueError(f"alpha has {alpha.size} values for {n} operators")
        self._ops = ModuleList(operators)
        self._alpha = Parameter((n, 1, 1, 1, 1)) if alpha is None else alpha
        self._mode = mode
        self._rng = rng
        self._active = int(np.argmax(self._alpha.d)) if mode == "max" else 0
        self._chosen: list[nn.Variable] = []
        self.names = [type(operator).__name__ for operator in operators]

    @property
    def alpha(self) -> Parameter:
        """The architecture parameter."""
        return self._alpha

    @property
    def mode(self) -> str:
        """`full`, `sample` or `max`."""
        return self._mode

    @property
    def active(self) -> int:
        """Index of the candidate that is computed; in mode `full` the one that would be chosen."""
        return self._active

    @active.setter
    def active(self, index: int) -> None:
        if not 0 <= index < len(self._ops):
            raise ValueError(f"active must be in [0, {len(self._ops) - 1}], got {index}")
        self._active = int(index)
        for chosen in self._chosen:
            function.set_active(chosen, self._active)

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the mixture, or the active candidate.

        Args:
            x: the candidates' input.

        Returns:
            The candidates' output shape.
        """
        if self._mode == "max" and not self.active_only:
            self.active = int(np.argmax(self._alpha.d))
        # Where functions run as they are made there is nothing to switch later.
        if self.active_only or (self._mode != "full" and nn.get_auto_forward()):
            return self._ops[self._active](x)
        branches = [operator(x) for operator in self._ops]
        if self._mode == "full":
            return function.mix(branches, self._alpha)
        chosen = function.choose(branches, self._active)
        self._chosen.append(chosen)
        return chosen

    def extra_repr(self) -> str:
        """Return the mode."""
        return f"mode={self._mode}"
