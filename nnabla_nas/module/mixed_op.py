"""A choice between operations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import nnabla as nn

from nnabla_nas.module.choice import Choice
from nnabla_nas.module.containers import ModuleList
from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Parameter


class MixedOp(Choice):
    """Apply a mixture of candidate operations, or one of them.

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
        self._ops = ModuleList(operators)
        self._alpha = Parameter((len(operators), 1, 1, 1, 1)) if alpha is None else alpha
        self._start_choice([type(operator).__name__ for operator in operators], mode, rng)

    @property
    def alpha(self) -> Parameter:
        """The architecture parameter."""
        return self._alpha

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the mixture, or the active candidate.

        Args:
            x: the candidates' input.

        Returns:
            The candidates' output shape.
        """
        return self.combine([partial(operator, x) for operator in self._ops])
