"""DARTS: all candidates at once, weighted, and the architecture learned by gradient descent.

Source: Liu et al., "DARTS: Differentiable Architecture Search", 2019, algorithm 1; Liang et al.,
"DARTS+: Improved Differentiable Architecture Search with Early Stopping", 2019, for the end of a
search that collapses.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from nnabla_nas.config.faults import Fault, got
from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.estimator.constraint import add_penalty_gradients
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.runner.graph import fixed
from nnabla_nas.runner.searcher.searcher import Searcher
from nnabla_nas.runner.searcher.unrolled import set_unrolled_gradient


class DartsSearcher(Searcher):
    """Searches by descending the validation loss of the weighted super-network.

    Args:
        order: 1: the weights are taken for optimal as they are (ξ = 0); 2: the gradient goes
            through one step of the weights, with their current step size as ξ.
        epsilon: with order 2, how far the weights are moved, in norm, for the difference that
            stands for a second derivative.
        arch_batch_stat: how architecture steps normalise: `batch`: by the batch's statistics,
            which leave no trace; `running`: by the running statistics, which they only read.
        stop_on_skip: end the search after the epoch in which the architecture keeps so many
            skip_connects, in its normal cell where it has cells; null never does.
    """

    modes = ("full", "linear")

    def __init__(
        self,
        *args: Any,
        order: Literal[1, 2] = 1,
        epsilon: Annotated[float, Field(gt=0)] = 0.01,
        arch_batch_stat: Literal["batch", "running"] = "batch",
        stop_on_skip: Annotated[int, Field(ge=1)] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if order == 2 and self.experiment.type_config != "float":
            text = got(2, "1, or type_config float: differences of half weights say nothing")
            self.experiment.sources.check([Fault(("algorithm", "order"), text)])
        self.order = order
        self.epsilon = epsilon
        self.stop_on_skip = stop_on_skip
        experiment = self.experiment
        if experiment.select is not None:
            self.monitor.once("select is not used by DartsSearcher: it descends the loss")
        self.weights = list(self.net_parameters.values())
        self.alphas = list(self.arch_parameters.values())
        self.arch_graph = self.graph(
            "judge" if arch_batch_stat == "batch" else "evaluate", experiment.mini_batch_valid
        )
        # The unrolled step uses the training batch, and leaves the running statistics alone.
        if order == 2:
            self.unrolled_graph = self.graph("judge", experiment.mini_batch_train)

    def warmup_update(self) -> None:
        """Learn the weights."""
        assert self.warmup_optimizer is not None
        self.weight_step(self.warmup_optimizer)

    def search_update(self) -> None:
        """Learn the architecture from one batch, then the weights from another."""
        assert self.train_optimizer is not None
        batch = self.next_batch(self.train_loader)
        self.architecture_step(batch)
        self.weight_step(self.train_optimizer, batch)

    def architecture_step(self, train: Batch) -> None:
        """Make candidates more probable that lower the validation loss.

        Args:
            train: the training batch of this update, which second order unrolls.
        """
        assert self.train_optimizer is not None
        assert self.valid_optimizer is not None
        valid = self.next_batch(self.valid_loader)
        with self.on_device():
            self.valid_optimizer.zero_grad()
            if self.order == 1:
                with fixed(self.weights):
                    score = self.arch_graph.accumulate(valid, self.valid_optimizer.scale)
                self.watch(score, "the validation loss")
            else:
                train_loss, loss = set_unrolled_gradient(
                    self.alphas,
                    self.weights,
                    lambda: self.unrolled_graph.accumulate(train)[0],
                    lambda: self.arch_graph.accumulate(valid)[0],
                    self.train_optimizer.learning_rate,
                    self.epsilon,
                )
                self.require_finite(train_loss, "the training loss")
                self.require_finite(loss, "the validation loss")
            if self.valid_optimizer.unscale():
                add_penalty_gradients(self.constraints, self.choices)
            self.valid_optimizer.update()
        self.require_finite_architecture()

    def weight_step(self, optimizer: Optimizer, batch: Batch | None = None) -> None:
        """Learn the weights from a training batch; the architecture stays as it is.

        Args:
            optimizer: moves the weights.
            batch: the batch; by default the next one.
        """
        with fixed(self.alphas):
            super().weight_step(optimizer, batch)

    def finish_epoch(self, epochs: int, optimizer: Optimizer | None) -> None:
        """Judge the weighted super-network, record the epoch, and say how it stands with collapse.

        Args:
            epochs: epochs of this phase.
            optimizer: the weights' optimizer of this phase.
        """
        super().finish_epoch(epochs, optimizer)
        kept = self.model.kept_operations()
        self.monitor.info(f"skip_connect: {self.model.n_skip_connects()} of {len(kept)} kept")

    def stop_reason(self) -> str | None:
        """Return that the architecture has collapsed to skip_connects, or None."""
        n = self.model.n_skip_connects()
        if self.stop_on_skip is None or n < self.stop_on_skip:
            return None
        return f"the architecture keeps {n} skip_connects (stop_on_skip {self.stop_on_skip})"
