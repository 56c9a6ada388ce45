"""A bound on a cost, as a search feels it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nnabla_nas.estimator.attempt import Attempt
from nnabla_nas.estimator.bounded_decoding import ROUNDING
from nnabla_nas.estimator.cost_table import Costs, Floats
from nnabla_nas.estimator.estimator import Estimator
from nnabla_nas.module import Choice
from nnabla_nas.search_space.model import Model


@dataclass
class Constraint:
    """What an architecture may cost.

    Args:
        key: the name the experiment gives it.
        name: the registered name of the estimator.
        estimator: what estimates the cost.
        bound: the most it may be, in the estimator's unit.
        weight: how strongly the search is drawn to it.
        model: the network.
        input_shape: (C, H, W) of one example.
        hard: whether the decoded architecture has to keep it.
        attempts: decoded architectures that were measured whole, where a bound on a measured
            latency is hard.
    """

    key: str
    name: str
    estimator: Estimator
    bound: float
    weight: float
    model: Model
    input_shape: Sequence[int]
    hard: bool = False
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def kept_attempt(self) -> Attempt | None:
        """The fastest of the attempts: the last one where the bound is met."""
        return min(self.attempts, key=lambda one: one.whole.cautious, default=None)

    @cached_property
    def table(self) -> Costs:
        """The costs of all candidates, found out when first needed."""
        return self.estimator.cost_table(self.model, self.input_shape)

    def prepare(self) -> None:
        """Find out the costs of the candidates, or of a network without choices.

        Raises:
            InputError: if they cannot be estimated.
        """
        if self.model.choices():
            _ = self.table
        else:
            self.estimator.estimate(self.model, self.input_shape)

    def factor(self, indices: Sequence[int]) -> float:
        """Return what the reward of a sampled path is multiplied by: min(1, bound/value)^weight.

        Source: Tan et al., "MnasNet", 2019, equation 3.

        Args:
            indices: per choice the candidate drawn.
        """
        value = self.table.sampled(indices)
        return 1.0 if value <= self.bound else (self.bound / value) ** self.weight

    def expected(self, choices: Sequence[Choice]) -> float:
        """Return the expected cost of an architecture drawn from the choices' probabilities.

        Source: Cai et al., "ProxylessNAS", 2019, equation 2.

        Args:
            choices: the choices of the model, in its order.
        """
        return self.table.expected([choice.probabilities for choice in choices])

    def penalty(self, choices: Sequence[Choice]) -> float:
        """Return what is added to the loss: weight · max(0, E[value] / bound − 1).

        Args:
            choices: the choices of the model, in its order.
        """
        return self.weight * max(0.0, self.expected(choices) / self.bound - 1)

    def gradient(self, choices: Sequence[Choice]) -> list[Floats]:
        """Return the derivative of the penalty by the architecture parameter of every choice.

        Args:
            choices: the choices of the model, in its order.

        Returns:
            Per choice (candidates,); zeros where the expected cost is within the bound.
        """
        probabilities = [choice.probabilities for choice in choices]
        if self.table.expected(probabilities) <= self.bound:
            return [np.zeros(len(p)) for p in probabilities]
        scale = self.weight / self.bound
        return [scale * one for one in self.table.gradient(probabilities)]

    def in_words(self, derived: Model) -> dict[str, Any]:
        """Return what arch.json says of the decoded architecture's cost.

        `missed_by` is a share of the bound.

        Args:
            derived: the network of the decoded architecture.
        """
        value = self.estimator.estimate(derived, self.input_shape)
        kept = self.kept_attempt
        cost = value if kept is None else kept.whole.cautious
        met = bool(cost <= self.bound * (1 + ROUNDING))
        words = {
            "estimator": self.name,
            "value": value,
            "unit": self.estimator.unit,
            "bound": self.bound,
            "weight": self.weight,
            "hard": self.hard,
            "met": met,
            "missed_by": 0.0 if met else cost / self.bound - 1,
        }
        if kept is not None:
            words |= {"measured": kept.to_json(), "attempts": [a.to_json() for a in self.attempts]}
        return words


def add_penalty_gradients(constraints: Sequence[Constraint], choices: Sequence[Choice]) -> None:
    """Add the derivatives of the penalties to the gradients of the architecture parameters.

    Where choices share a parameter, each contributes.

    Args:
        constraints: the constraints.
        choices: the choices of the model, in its order.
    """
    for constraint in constraints:
        for choice, gradient in zip(choices, constraint.gradient(choices), strict=True):
            alpha = choice.alpha
            added = gradient.reshape(alpha.shape).astype(np.float32)
            # Reading a lazily zero gradient would materialise what may hold anything.
            alpha.g = added if alpha.grad.zeroing else alpha.g + added
