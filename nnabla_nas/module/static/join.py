"""The choice between the branches of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnabla as nn
import numpy as np

import nnabla_nas.module as Mo
from nnabla_nas.module.static.module import Module


class Join(Module, Mo.Choice):
    """Return a mixture of the parents' outputs, or one of them.

    As in a MixedOp, in the modes `sample` and `max` every branch is built once and a mask decides
    which one is computed.

    Args:
        parents: the branches; their outputs have one shape.
        join_parameters: the architecture parameter, one value per branch in any shape.
        name: what drawings and messages call the node.
        mode: `linear`: the softmax(join_parameters)-weighted sum; `sample`: the branch `active`,
            set from outside; `max`: the branch of the largest value.
        eval_prob: the probability that the node is evaluated.
        rng: generator for `draw`; by default the run's stream `sampling`.

    Raises:
        RuntimeError: if there is no parent, or one is not a static module.
        ValueError: for another mode, or join parameters of another size.
    """

    modes = ("linear", "sample", "max")

    def __init__(
        self,
        parents: Sequence[Mo.Module],
        join_parameters: Mo.Parameter,
        name: str = "",
        mode: str = "linear",
        eval_prob: float | None = None,
        rng: Any = None,
    ) -> None:
        super().__init__(parents, name, eval_prob)
        if not parents:
            raise RuntimeError(f"{self._label()}: needs a parent")
        self._join_parameters = join_parameters
        names = [parent.name or type(parent).__name__ for parent in self.parents]
        self._start_choice(names, mode, rng)

    @property
    def alpha(self) -> Mo.Parameter:
        """The architecture parameter."""
        return self._join_parameters

    @property
    def active_parents(self) -> list[Module]:
        """The active branch; in mode `linear` all."""
        return self.parents if self.weighted else [self.parents[self.active]]

    def call(self) -> nn.Variable:
        """Combine the branches as the mode wants it."""
        return self.combine(self.parents)

    def _missing(self) -> list[Module]:
        self.follow_alpha()
        needed = [self.parents[self.active]] if self.alone else self.parents
        return [parent for parent in needed if parent.output is None]

    def _evaluate(self) -> nn.Variable:
        return self.call()

    def _inferred_shape(self) -> tuple[int, ...]:
        return self.parents[0].shape

    def _use(self, parent: Module) -> float:
        if self.mode == "linear":
            return 1.0
        shares = self.probabilities
        if self.mode == "max":
            shares = np.eye(len(shares))[self.most_probable]
        pairs = zip(self.parents, shares, strict=True)
        return float(sum(share for branch, share in pairs if branch is parent))
