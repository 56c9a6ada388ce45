"""Learning from the answers of another path of the same super-network, in place.

Source: Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models",
2020, section 3.1; Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import numpy.typing as npt

import nnabla_nas.function as function
from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.runner.graph import mini_batches
from nnabla_nas.runner.score import Score
from nnabla_nas.search_space.model import Model

Answers = list[npt.NDArray[np.float32]]


class Distillation:
    """The training graph of a network, with the loss of the labels and that of given answers.

    Args:
        model: the network; which candidates are computed may change between passes.
        input_shape: (C, H, W) of one example.
        batch_size: examples per pass.
    """

    def __init__(self, model: Model, input_shape: Sequence[int], batch_size: int) -> None:
        self._model = model
        self._batch_size = batch_size
        self._inputs = nn.Variable((batch_size, *input_shape))
        self._targets = nn.Variable((batch_size, 1))
        model.apply(training=True, private_statistics=False, gated=False)
        outputs: Any = model(self._inputs)
        several = isinstance(outputs, (list, tuple))
        self._logits = outputs[0] if several else outputs
        self._loss = model.loss(outputs, self._targets, [1.0, 0.0] if several else None)
        self._error = model.metrics(outputs, self._targets)["error"]
        self._answers = nn.Variable(self._logits.shape)
        terms = F.mul2(self._answers, F.log_softmax(self._logits, axis=1))
        # Cross-entropy to the answers: what it lacks of the divergence has no gradient.
        self._learned = F.mul_scalar(F.sum(terms), -1 / batch_size)
        for variable in (self._logits, self._loss, self._error, self._learned):
            variable.persistent = True

    def teach(self, batch: Batch, scale: float) -> tuple[Score, Answers]:
        """Add the gradients of scale · mean loss to the labels; also return the answers.

        Args:
            batch: examples for one or several passes of the graph.
            scale: what the loss is multiplied with.

        Returns:
            Mean loss and error, and per pass the probabilities of the classes, (B, classes).
        """
        score, answers = Score(), []
        for part in mini_batches(batch, self._batch_size):
            self._run(part, self._loss, score, scale * self._share(batch))
            logits = self._logits.d.astype(np.float64)
            exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
            answers.append(exponentials / exponentials.sum(axis=1, keepdims=True))
        return score, [one.astype(np.float32) for one in answers]

    def learn(self, batch: Batch, answers: Answers, scale: float) -> Score:
        """Add the gradients of scale · mean cross-entropy to given answers.

        Args:
            batch: the examples that were answered.
            answers: what `teach` returned for them.
            scale: what the loss is multiplied with.

        Returns:
            That cross-entropy, not scaled, and the mean error against the labels.
        """
        score = Score()
        for part, answer in zip(mini_batches(batch, self._batch_size), answers, strict=True):
            self._answers.d = answer
            self._run(part, self._learned, score, scale * self._share(batch))
        return score

    def _share(self, batch: Batch) -> float:
        return self._batch_size / len(batch.targets)

    def _run(self, part: Batch, loss: nn.Variable, score: Score, scale: float) -> None:
        self._inputs.d, self._targets.d = part.inputs, part.targets
        self._model.refill_random_inputs()
        nn.forward_all([loss, self._error], clear_no_need_grad=True)
        with function.last_backward():
            loss.backward(scale, clear_buffer=True)
        score.add(loss, self._error)
