"""Training one architecture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnabla_nas.artifact.progress import Phase
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.runner.evaluation import Metrics
from nnabla_nas.runner.metrics import CONFUSION, badness
from nnabla_nas.runner.runner import Runner


class Trainer(Runner):
    """Trains a network and, where part of the training set is kept back, selects the epoch by it.

    The test set is evaluated every epoch and reported apart; it chooses nothing.
    """

    searches = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        epochs = self.experiment.epoch
        self.total_updates = epochs * self.updates_per_epoch
        self.train_optimizer = self.optimizer("train", self.net_parameters, epochs)
        self.kept: dict[str, Metrics | None] = {"train": None, "valid": None, "test": None}

    def run(self) -> int:
        """Train for the epochs left, then write result.json."""
        progress, epochs = self.progress, self.experiment.epoch
        self.record.architecture(progress.step)
        if epochs == 0:
            self.keep({}, *self.judge())
        while progress.epoch < epochs:
            self.run_epoch(f"train {progress.epoch + 1}/{epochs}", self.update)
            self.finish_epoch()
            self.end_epoch()
        self.result("finished", self.kept, weights_epoch=progress.best_epoch or epochs)
        return 0

    def update(self) -> None:
        """Learn from one batch."""
        assert self.train_optimizer is not None
        self.model.set_training_progress(self.progress.step / self.total_updates)
        self.weight_step(self.train_optimizer)

    def finish_epoch(self) -> None:
        """Evaluate, keep the weights if they are the ones to keep, and record the epoch."""
        assert self.train_optimizer is not None
        means = self.meters.means()
        train = {"loss": means["loss_train"], "error": means["error_train"]}
        valid, test = self.judge()
        values = {"loss_train": train["loss"], "error_train": train["error"]}
        if valid is not None:
            values |= {"loss_valid": valid["loss"], "error_valid": valid["error"]}
        values |= {
            "error_test": test["error"],
            "learning_rate": self.train_optimizer.last_learning_rate,
        }
        if self.is_best(valid):
            self.keep(train, valid, test)
        self.record.epoch(self.progress, self.experiment.epoch, values, self.ends())
        self.record.further({"valid": valid, "test": test}, self.progress.step)

    def judge(self) -> tuple[Metrics | None, Metrics]:
        """Return loss and error on the part kept back, if there is one, and on the test set."""
        size = self.experiment.mini_batch_valid
        valid = None
        if len(self.valid_part):
            valid = self.evaluate(self.data.train, self.valid_part, size, "evaluate")
        everything = np.arange(len(self.data.test.labels))
        return valid, self.evaluate(self.data.test, everything, size, "evaluate")

    def is_best(self, valid: Metrics | None) -> bool:
        """Return whether this epoch's weights are the ones to keep so far.

        Args:
            valid: metrics on the part kept back; without one the last epoch is kept.
        """
        progress = self.progress
        if valid is None:
            return progress.epoch == self.experiment.epoch
        value = badness(self.select, valid[self.select])
        if progress.best_error is not None and value >= progress.best_error:
            return False
        progress.best_epoch, progress.best_error = progress.epoch, value
        return True

    def keep(self, train: Metrics, valid: Metrics | None, test: Metrics) -> None:
        """Write the weights and remember what they achieve.

        Args:
            train: means over the epoch's updates.
            valid: metrics on the part kept back.
            test: metrics on the test set.
        """
        self.kept = {"train": train or None, "valid": valid, "test": test}
        self.record.weights()
        if self.confusion is not None and CONFUSION in self.asked_metrics:
            self.record.confusion(self.confusion, self.data.classes)

    def kept_files(self) -> Sequence[Path]:
        """Return weights.h5 once there are weights to keep."""
        return () if self.kept["test"] is None else (self.folder.weights,)

    def first_phase(self) -> Phase:
        """Return the only phase."""
        return "train"

    def epochs_by_phase(self) -> dict[str, int]:
        """Return the epochs of the only phase."""
        return {"train": self.experiment.epoch}

    def optimizers(self) -> dict[str, Optimizer]:
        """Return the optimizer by its phase."""
        return {} if self.train_optimizer is None else {"train": self.train_optimizer}

    def state_dict(self) -> dict[str, Any]:
        """Return everything the rest of the run depends on."""
        return {**super().state_dict(), "kept": self.kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` stood.

        Args:
            state: what `state_dict` of a trainer of the same experiment returned.
        """
        super().load_state_dict(state)
        self.kept = state["kept"]
