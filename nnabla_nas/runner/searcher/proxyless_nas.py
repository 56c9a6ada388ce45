"""ProxylessNAS: one sampled path per weight step, architecture parameters by REINFORCE or gates.

Source: Cai et al., "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware",
2019, sections 3.2 and 3.3; Williams, "Simple statistical gradient-following algorithms", 1992.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

import nnabla_nas.function as function
from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.estimator.constraint import add_penalty_gradients
from nnabla_nas.module import Choice
from nnabla_nas.runner.graph import Graph, fixed, mini_batches
from nnabla_nas.runner.score import read_together
from nnabla_nas.runner.searcher.binary_gates import (
    keep_other_probabilities,
    sampled_entries,
    set_gate_gradient,
)
from nnabla_nas.runner.searcher.searcher import Searcher

_BASELINE_DECAY = 0.9


class ProxylessNasSearcher(Searcher):
    """Searches by sampling paths.

    Args:
        update: how architecture parameters learn: `reinforce`: from the rewards of sampled paths;
            `gate`: by the gradient through binary gates in front of two sampled candidates.
        arch_samples: architectures drawn and judged on one validation batch per update; `gate`
            draws one pair of every choice instead.
    """

    modes = ("sample",)

    def __init__(
        self,
        *args: Any,
        update: Literal["reinforce", "gate"] = "reinforce",
        arch_samples: Annotated[int, Field(ge=1)] = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.update = update
        self.arch_samples = arch_samples
        if self.select != "error":
            self.judge_graph = Graph(
                self.model,
                self.input_shape,
                self.experiment.mini_batch_valid,
                "judge",
                (1.0, 0.0),
                select=self.select,
                selecting=True,
            )
        if update == "gate":
            self.gate_graph = self.graph("gate", self.experiment.mini_batch_valid)

    def warmup_update(self) -> None:
        """Draw a path and learn its weights."""
        assert self.warmup_optimizer is not None
        self.draw()
        self.weight_step(self.warmup_optimizer)

    def search_update(self) -> None:
        """Draw a path and learn its weights, then learn the architecture from others."""
        assert self.train_optimizer is not None
        self.draw()
        self.weight_step(self.train_optimizer)
        if self.update == "gate":
            self.gate_step()
        else:
            self.architecture_step()

    def draw(self) -> list[int]:
        """Draw every choice from its probabilities, independently, and return the indices."""
        return [choice.draw() for choice in self.choices]

    def architecture_step(self) -> None:
        """Judge sampled paths on one validation batch; make the better ones more probable."""
        assert self.valid_optimizer is not None
        batch = self.next_batch(self.valid_loader)
        passes = list(mini_batches(batch, self.experiment.mini_batch_valid))
        with self.on_device():
            draws = [self.draw() for _ in range(self.arch_samples)]
            errors = self.errors_of(draws, passes)
            rewards = [self.reward(*pair) for pair in zip(errors, draws, strict=True)]
            baseline = self.progress.baseline
            if baseline is None:
                baseline = float(np.mean(rewards))
            self.valid_optimizer.zero_grad()
            set_reinforce_gradient(self.choices, draws, np.asarray(rewards) - baseline)
            self.valid_optimizer.update()
        mean = float(np.mean(rewards))
        self.progress.baseline = _BASELINE_DECAY * baseline + (1 - _BASELINE_DECAY) * mean
        self.meters["reward"].add(mean)
        self.require_finite_architecture()

    def errors_of(self, draws: Sequence[Sequence[int]], passes: Sequence[Batch]) -> list[float]:
        """Return the mean error of each architecture.

        Args:
            draws: the architectures: indices of the candidates of all choices.
            passes: the batches that each is judged by.
        """
        errors, scores = np.zeros(len(draws)), []
        # One after the other those that start alike: what they share is computed once.
        order = sorted(range(len(draws)), key=lambda index: tuple(draws[index]))
        for batch in passes:
            with function.same_inputs():
                for index in order:
                    for choice, active in zip(self.choices, draws[index], strict=True):
                        choice.active = active
                    scores.append((index, self.judge_graph.evaluate(batch)))
        read_together([score for _, score in scores])
        for index, (loss, error) in scores:
            self.require_finite(loss, "the validation loss")
            errors[index] += error / len(passes)
        return [float(error) for error in errors]

    def gate_step(self) -> None:
        """Draw two candidates per choice; learn which is better from one validation batch."""
        assert self.valid_optimizer is not None
        batch = self.next_batch(self.valid_loader)
        with self.on_device():
            for choice in self.choices:
                choice.draw_pair()
            with fixed(self.net_parameters.values()):
                score = self.gate_graph.accumulate(batch, self.valid_optimizer.scale)
            self.watch(score, "the validation loss")
            self.valid_optimizer.zero_grad()
            set_gate_gradient(self.choices)
            if self.valid_optimizer.unscale():
                add_penalty_gradients(self.constraints, self.choices)
            sampled = sampled_entries(self.arch_parameters, self.choices)
            before = {path: alpha.d.copy() for path, alpha in self.arch_parameters.items()}
            self.valid_optimizer.update(only=sampled)
            for path, alpha in self.arch_parameters.items():
                keep_other_probabilities(alpha, before[path], sampled[path])
        self.require_finite_architecture()

    def reward(self, error: float, indices: Sequence[int]) -> float:
        """Return what an architecture is worth: (1 − error) · Π min(1, bound/value)^weight.

        Args:
            error: its mean top-1 error on the validation batch, or what the metric that selects
                has instead.
            indices: per choice the candidate drawn.
        """
        return (1.0 - error) * math.prod(one.factor(indices) for one in self.constraints)


def set_reinforce_gradient(
    choices: list[Choice], draws: list[list[int]], advantages: npt.NDArray[np.float64]
) -> None:
    """Set the gradient of the architecture parameters to that of the negative expected reward.

    ∇α = mean over the samples of (R − b)(softmax(α) − onehot(drawn)); where choices share a
    parameter, each of their draws contributes.

    Args:
        choices: the choices, in the order of the indices.
        draws: per sample one index per choice.
        advantages: per sample R − b.
    """
    gradients: dict[int, npt.NDArray[np.float64]] = {}
    for position, choice in enumerate(choices):
        gradient = gradients.setdefault(id(choice.alpha), np.zeros(choice.alpha.size))
        for draw, advantage in zip(draws, advantages, strict=True):
            gradient += advantage * choice.probabilities
            gradient[draw[position]] -= advantage
    for choice in choices:
        gradient = gradients[id(choice.alpha)] / len(draws)
        choice.alpha.g = gradient.reshape(choice.alpha.shape)
