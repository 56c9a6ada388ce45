"""One-shot training: the weights of a super-network, by paths that serve all architectures.

Sources: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", 2020,
section 3.2; Chu et al., "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural
Architecture Search", 2021, algorithm 1; Yu et al., "BigNAS: Scaling Up Neural Architecture Search
with Big Single-Stage Models", 2020, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from nnabla_nas.artifact.progress import Phase
from nnabla_nas.artifact.result import retrain_command
from nnabla_nas.config.faults import Fault, got
from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.estimator import FLOPsEstimator
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.runner.distillation import Distillation
from nnabla_nas.runner.evaluation import Metrics
from nnabla_nas.runner.runner import Runner
from nnabla_nas.runner.score import Score
from nnabla_nas.search_space.encoding import Code, Encoding


class OneShotTrainer(Runner):
    """Trains a super-network for searches that inherit its weights; it decides nothing itself.

    Each epoch judges some architectures on the validation part, the same ones every time; the best
    of them is what the network decodes to.

    Args:
        sampling: the paths of an update. `uniform`: one, drawn uniformly. `fair`: as many as the
            choices have candidates, so that each candidate of each choice is in one of them.
            `sandwich`: the one of most multiply-adds, which learns from the labels, then that of
            fewest and random ones, which learn from its answers.
        random_paths: how many random paths there are between the slices of the sandwich.
        judged: how many architectures are judged after an epoch.
    """

    searches = True
    modes = ("sample",)
    phases = ("train",)

    def __init__(
        self,
        *args: Any,
        sampling: Literal["uniform", "fair", "sandwich"] = "uniform",
        random_paths: Annotated[int, Field(ge=0)] = 2,
        judged: Annotated[int, Field(ge=1)] = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.encoding = Encoding(self.model)
        self.sampling = sampling
        self.random_paths = random_paths
        if sampling != "uniform" and not self.encoding.independent:
            text = got(sampling, "'uniform', where genotypes leave edges out")
            self.experiment.sources.check([Fault(("algorithm", "sampling"), text)])
        if sampling == "sandwich":
            self.largest, self.smallest = self._extremes()
            self.distillation = Distillation(
                self.model, self.input_shape, self.experiment.mini_batch_train
            )
        epochs = self.experiment.epoch
        self.total_updates = epochs * self.updates_per_epoch
        self.train_optimizer = self.optimizer("train", self.net_parameters, epochs)
        stream = self.runtime.streams.derived("judged architectures")
        self.to_judge = [self.encoding.random(stream) for _ in range(judged)]
        self.last: dict[str, Metrics | None] = {"train": None, "valid": None, "test": None}

    def run(self) -> int:
        """Train for the epochs left, then write the weights and result.json."""
        progress, epochs = self.progress, self.experiment.epoch
        while progress.epoch < epochs:
            self.run_epoch(f"train {progress.epoch + 1}/{epochs}", self.update)
            self.finish_epoch()
            self.record.architecture(progress.step)
            self.end_epoch()
        return self.finish()

    def update(self) -> None:
        """Learn from one batch, on as many paths as the sampling says."""
        assert self.train_optimizer is not None
        self.model.set_training_progress(self.progress.step / self.total_updates)
        self.weight_step(self.train_optimizer)

    def gradients(self, batch: Batch, scale: float) -> Iterator[Score]:
        """Add up the gradients of a training batch over the paths of an update.

        Args:
            batch: the batch.
            scale: what the losses are multiplied with.

        Yields:
            The score of each path.
        """
        if self.sampling == "sandwich":
            yield from self._sandwich(batch, scale)
            return
        for code in self.fair_paths() if self.sampling == "fair" else [self.random_path()]:
            self.model.set_architecture(self.encoding.path(code))
            yield self.train_graph.accumulate(batch, scale)

    def random_path(self) -> Code:
        """Draw an architecture, all equally probable."""
        return self.encoding.random(self.runtime.streams.stream("sampling"))

    def fair_paths(self) -> list[Code]:
        """Draw architectures of which each candidate of each choice is part once.

        A choice of fewer candidates than others goes through them again, in another order.
        """
        stream, n_paths = self.runtime.streams.stream("sampling"), max(self.encoding.sizes)
        columns = []
        for size in self.encoding.sizes:
            rounds = [stream.permutation(size) for _ in range(-(-n_paths // size))]
            columns.append(np.concatenate(rounds)[:n_paths])
        return [tuple(int(value) for value in path) for path in np.stack(columns, axis=1)]

    def _sandwich(self, batch: Batch, scale: float) -> Iterator[Score]:
        students = [self.smallest, *(self.random_path() for _ in range(self.random_paths))]
        self.model.set_architecture(self.encoding.path(self.largest))
        score, answers = self.distillation.teach(batch, scale)
        yield score
        for code in students:
            self.model.set_architecture(self.encoding.path(code))
            yield self.distillation.learn(batch, answers, scale)

    def _extremes(self) -> tuple[Code, Code]:
        """Return the architectures of most and of fewest multiply-adds."""
        table = FLOPsEstimator().cost_table(self.model, self.input_shape)
        ends = []
        for pick in (np.argmax, np.argmin):
            code = [0] * len(self.encoding.sizes)
            for position, size in enumerate(self.encoding.sizes):
                costs = []
                for value in range(size):
                    code[position] = value
                    costs.append(table.total(self.encoding.indices(tuple(code))))
                code[position] = int(pick(costs))
            ends.append(tuple(code))
        return ends[0], ends[1]

    def finish_epoch(self) -> None:
        """Judge some architectures, decode to the best of them, and record the epoch."""
        assert self.train_optimizer is not None
        means = self.meters.means()
        train: Metrics = {"loss": means["loss_train"], "error": means["error_train"]}
        valid = self.judge()
        self.last = {"train": train, "valid": valid, "test": None}
        values = {
            "loss_train": train["loss"],
            "error_train": train["error"],
            "loss_valid": valid["loss"],
            "error_valid": valid["error"],
            "learning_rate": self.train_optimizer.last_learning_rate,
        }
        self.record.epoch(self.progress, self.experiment.epoch, values, self.ends())

    def judge(self) -> Metrics:
        """Return the mean loss and error of the judged architectures, and decode to the best."""
        size, found = self.experiment.mini_batch_valid, []
        for code in self.to_judge:
            self.model.set_architecture(self.encoding.path(code))
            found.append(self.evaluate(self.data.train, self.valid_part, size, "judge"))
        best = min(range(len(found)), key=lambda index: found[index]["error"])
        self.encoding.decide(self.to_judge[best])
        return {name: float(np.mean([one[name] for one in found])) for name in found[0]}

    def finish(self) -> int:
        """Write the weights and result.json, and say how to search with them."""
        self.record.architecture(self.progress.step)
        self.record.weights()
        command = retrain_command(self.folder, changes=self.model.retrain_arguments())
        self.monitor.info(
            f'to search with these weights: "evaluator": {{"name": "Inherit", "weights": '
            f'"{self.folder.weights}"}} in the algorithm of a search that judges architectures'
        )
        self.result("finished", self.last, retrain=command)
        return 0

    def first_phase(self) -> Phase:
        """Return the only phase."""
        return "train"

    def epochs_by_phase(self) -> dict[str, int]:
        """Return the epochs of the training."""
        return {"train": self.experiment.epoch}

    def optimizers(self) -> dict[str, Optimizer]:
        """Return the optimizer by its phase."""
        return {} if self.train_optimizer is None else {"train": self.train_optimizer}

    def state_dict(self) -> dict[str, Any]:
        """Return everything the rest of the run depends on."""
        return {**super().state_dict(), "last": self.last}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` stood.

        Args:
            state: what `state_dict` of a trainer of the same experiment returned.
        """
        super().load_state_dict(state)
        self.last = state["last"]
