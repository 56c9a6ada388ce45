"""Training one architecture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

import nnabla_nas.function as function
from nnabla_nas.artifact.progress import Phase
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.runner.evaluation import Metrics
from nnabla_nas.runner.metrics import CONFUSION, badness
from nnabla_nas.runner.mixing import Mixing
from nnabla_nas.runner.runner import Runner
from nnabla_nas.runner.weight_average import WeightAverage

Strength = Annotated[float, Field(gt=0)] | None
Decay = Annotated[float, Field(ge=0, lt=1)] | None

_OF_AVERAGE = ("ema_loss", "ema_error")


class Trainer(Runner):
    """Trains a network and, where part of the training set is kept back, selects the epoch by it.

    The test set is evaluated every epoch and reported apart; it chooses nothing.

    Args:
        mixup: a of Beta(a, a), the share of an image in a mixture of two; null mixes none.
        cutmix: likewise of the area that an image keeps, a part of another pasted over the rest.
            With both, every batch is mixed in one of the two ways.
        ema_decay: what stays of the moving average of the weights in an update; null has none.
    """

    searches = False

    def __init__(
        self,
        *args: Any,
        mixup: Strength = None,
        cutmix: Strength = None,
        ema_decay: Decay = None,
        **kwargs: Any,
    ) -> None:
        self.mixing = None if mixup is None and cutmix is None else Mixing(mixup, cutmix)
        self.mixes_images = self.mixing is not None
        self.averages = ema_decay is not None
        super().__init__(*args, **kwargs)
        self.average: WeightAverage | None = None
        if ema_decay is not None:
            parameters = self.model.get_net_parameters()
            self.average = WeightAverage(parameters, ema_decay, function.on_cpu())
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
        batch = self.next_batch(self.train_loader)
        if self.mixing is not None:
            batch = self.mixing(batch, self.runtime.streams.derived("mixing", self.progress.step))
        self.weight_step(self.train_optimizer, batch)
        if self.average is not None:
            self.average.update()

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
        """Return the metrics on the part kept back, if there is one, and on the test set.

        Those of the averaged weights stand beside them, as `ema_loss` and `ema_error`.
        """
        if self.average is None:
            return self.judge_weights()
        with self.average.applied():
            averaged = self.judge_weights()
        valid, test = self.judge_weights()
        for metrics, other in zip((valid, test), averaged, strict=True):
            if metrics is not None and other is not None:
                metrics |= {name: other[name.removeprefix("ema_")] for name in _OF_AVERAGE}
        return valid, test

    def judge_weights(self) -> tuple[Metrics | None, Metrics]:
        """Return the metrics of the weights as they are, on the same sets."""
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
        if self.average is not None:
            with self.average.applied():
                self.record.weights(self.folder.weights_ema)
        if self.confusion is not None and CONFUSION in self.asked_metrics:
            self.record.confusion(self.confusion, self.data.classes)

    def kept_files(self) -> Sequence[Path]:
        """Return weights.h5, and the average of weights, once there are weights to keep."""
        if self.kept["test"] is None:
            return ()
        averaged = () if self.average is None else (self.folder.weights_ema,)
        return (self.folder.weights, *averaged)

    def own_metrics(self) -> Sequence[str]:
        """Return the metrics of the averaged weights, if there are any."""
        return _OF_AVERAGE if self.averages else ()

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
        average = {} if self.average is None else {"average": self.average.state_dict()}
        return {**super().state_dict(), "kept": self.kept, **average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` stood.

        Args:
            state: what `state_dict` of a trainer of the same experiment returned.
        """
        super().load_state_dict(state)
        self.kept = state["kept"]
        if self.average is not None:
            self.average.load_state_dict(state["average"])
