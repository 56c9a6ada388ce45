"""What searchers and trainers do alike: epochs, weight steps, evaluation, the end of a run."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from nnabla_nas.artifact.environment import describe_software
from nnabla_nas.artifact.result import Result, Status
from nnabla_nas.dataset.dataset import Batch, Images
from nnabla_nas.dataset.loader import Loader
from nnabla_nas.dataset.transforms import evaluation_transform
from nnabla_nas.errors import DivergedError, NasError
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.runner.divergence import first_non_finite, require_finite
from nnabla_nas.runner.ending import early_ending, ending
from nnabla_nas.runner.evaluation import Metrics, mean_metrics, nearly_equal_batches
from nnabla_nas.runner.expected_end import moment
from nnabla_nas.runner.graph import Purpose
from nnabla_nas.runner.metrics import Counts, SetMetrics
from nnabla_nas.runner.run_state import RunState
from nnabla_nas.runner.score import Score


class Runner(RunState):
    """Runs one experiment. Options of an algorithm are keyword-only parameters of its class.

    Attributes:
        modes: the modes of choices that it can run; empty where any will do.
        phases: entries of `optimizer` that it learns by; None: all that its kind usually needs.
        confusion: the confusion matrix of the images evaluated last, where it is asked for.
    """

    modes: ClassVar[tuple[str, ...]] = ()
    phases: ClassVar[tuple[str, ...] | None] = None
    confusion: Counts | None = None

    @abstractmethod
    def run(self) -> int:
        """Run the experiment from where `progress` stands and return the exit code."""

    def weight_step(self, optimizer: Optimizer, batch: Batch | None = None) -> None:
        """Learn the weights of the active path from a training batch.

        Args:
            optimizer: moves the weights.
            batch: the batch; by default the next one.
        """
        batch = batch or self.next_batch(self.train_loader)
        n = len(batch.targets)
        step = self.progress.step + 1

        def count(loss: float, error: float) -> None:
            self.require_finite(loss, "the training loss", step)
            self.meters["loss_train"].add(loss, n)
            self.meters["error_train"].add(error, n)

        with self.on_device():
            optimizer.zero_grad()
            for score in self.gradients(batch, optimizer.scale):
                self.readings.add(score, count)
                self.progress.examples += n
            optimizer.unscale()
            optimizer.update()

    def gradients(self, batch: Batch, scale: float) -> Iterator[Score]:
        """Add the gradients of a training batch; by default those of the active path.

        Args:
            batch: the batch.
            scale: what the losses are multiplied with.

        Yields:
            The score of each path that the batch passes through.
        """
        yield self.train_graph.accumulate(batch, scale)

    def evaluate(
        self, images: Images, indices: npt.NDArray[np.int64], batch_size: int, purpose: Purpose
    ) -> Metrics:
        """Return the metrics of the active path over some images, and their number.

        Args:
            images: where to read them.
            indices: which of them, (n,).
            batch_size: most examples per pass.
            purpose: `judge` or `evaluate`, see `Graph`.
        """

        further = SetMetrics()

        def judge(batch: Batch) -> Score:
            n = len(batch.targets)
            graph = self.graph(purpose, n)
            with self.on_device():
                score = graph.evaluate(batch)
                further.add(graph.further, n)
            return score

        transform = evaluation_transform(self.data)
        batches = nearly_equal_batches(images, indices, batch_size, transform)
        metrics = mean_metrics(batches, judge) | further.values(self.asked_metrics)
        self.confusion = further.counts
        # nnabla finds no error in logits that are not numbers.
        self.require_finite(metrics["loss"], "the loss in evaluation")
        return metrics

    def run_epoch(self, description: str, update: Callable[[], None]) -> None:
        """Do an epoch's updates, saying now and then where it stands.

        Args:
            description: what the progress bar says.
            update: does one update.
        """
        done = self.updates_done()
        if done == 0:
            self.meters.reset()
        self.expected_end.begin_epoch()
        with self.monitor.progress(self.updates_per_epoch, description) as bar:
            bar.advance(done)
            for number in range(done + 1, self.updates_per_epoch + 1):
                start = time.perf_counter()
                update()
                self.progress.step += 1
                reported = self._is_reported(number)
                if reported:
                    self.read()
                self.expected_end.update(
                    self.progress.phase, done=reported or self.readings.at_once
                )
                self.progress.seconds = time.perf_counter() - self._began
                self._report_update(number, description, time.perf_counter() - start)
                bar.advance(ends=self.ends(number), **self.shown())
                if number < self.updates_per_epoch and self.interruption.signal is not None:
                    self.save_checkpoint()
                    self.interruption.check(self._where())
        self.expected_end.end_epoch()
        self.progress.epoch += 1

    def updates_done(self) -> int:
        """Return how many updates of the epoch in progress are done.

        By default as many as training batches were taken; a searcher that takes none says it.
        """
        # The loader's cursor also says where an interrupted epoch stands.
        return self.train_loader.state_dict()["batch"]

    def shown(self) -> dict[str, Any]:
        """Return what stands behind the progress bar, by its name."""
        loss = self.meters["loss_train"]
        # On a device the first ones of an epoch are not read yet.
        return {"loss": f"{loss.mean:.3f}" if loss.weight else "..."}

    def standing(self) -> str:
        """Return in a few words how the epoch goes, for the lines between."""
        means = self.meters.means()
        return f"loss {means['loss_train']:.4g}, error {means['error_train']:.4g}"

    def _is_reported(self, number: int) -> bool:
        """Return whether something is said after an update of the epoch, counted from 1."""
        return (
            number % self.experiment.print_frequency == 0
            or number == self.updates_per_epoch
            or self.progress.step == 1
        )

    def ends(self, number: int = 0) -> str | None:
        """Return when the run is expected to end, or None before that is known.

        Args:
            number: updates done in the present epoch.
        """
        left = self.expected_end.seconds_left(self.progress.phase, self.progress.epoch, number)
        return moment(left) if left else None

    def end_epoch(self) -> None:
        """Write a checkpoint, and stop there if the process was asked to end."""
        self.progress.seconds = time.perf_counter() - self._began
        self.save_checkpoint()
        self.interruption.check(self._where())

    def save_checkpoint(self) -> None:
        """Write a checkpoint, unless something in it is not finite.

        Raises:
            DivergedError: if a parameter is not finite; the checkpoints before stay.
            NasError: if it cannot be written.
        """
        name = first_non_finite(self.model)
        if name is not None:
            raise DivergedError(f"parameter '{name}' is not finite at update {self.progress.step}")
        self._require_kept()
        state = {**self.state_dict(), "software": describe_software()}
        self.checkpoints.save(state, self.kept_files())

    def _where(self) -> str:
        return f"after update {self.progress.step}; go on by the same command with --resume"

    def next_batch(self, loader: Loader) -> Batch:
        """Return the next batch, measuring how long it was waited for.

        Args:
            loader: where it comes from.
        """
        start = time.perf_counter()
        batch = loader.next()
        self.meters["time/data"].add(time.perf_counter() - start)
        return batch

    def watch(self, score: Score, what: str) -> None:
        """Stop the run if the loss of a batch is not finite, once it is read.

        Args:
            score: loss and error of the batch.
            what: the name of the loss in the message.
        """
        step = self.progress.step + 1
        self.readings.add(score, lambda loss, _: self.require_finite(loss, what, step))

    def require_finite(self, value: float, what: str, step: int | None = None) -> None:
        """Stop the run if a value is not finite.

        Args:
            value: the value.
            what: its name in the message.
            step: the update that it belongs to, counted from 1; by default the one in progress.

        Raises:
            DivergedError: if it is not.
        """
        now = self.progress.step
        require_finite(value, what, step or now + 1, now, self.model)

    def result(self, status: Status, metrics: dict[str, Metrics | None], **more: Any) -> None:
        """Write result.json, and say what it says.

        Args:
            status: how the run ended.
            metrics: loss and error of the sets that were evaluated.
            more: further fields of `Result`.
        """
        self.progress.seconds = time.perf_counter() - self._began
        result = Result(
            status=status,
            algorithm=self.experiment.algorithm.name,
            search=self.experiment.search,
            seed=self.experiment.seed,
            metrics=metrics,
            epochs=self.epochs_done(),
            updates=self.progress.step,
            wall_clock_seconds=self.progress.seconds,
            device_seconds=self.progress.device_seconds,
            **self.record.costs(),
            **more,
        )
        if status == "finished":
            self._require_kept()
            self.complete(result.to_json())
        self.record.result(result, self.experiment.to_json())
        self.record.ending(ending(result, self.folder), self.progress.step)

    def _require_kept(self) -> None:
        for path in self.kept_files():
            if not path.is_file():
                raise NasError(
                    f"{path}: vanished while the run was going on; the same command with --resume "
                    "brings it back from the checkpoint"
                )

    def epochs_done(self) -> int:
        """Return the epochs done so far, warm-up included."""
        return self.progress.epoch

    def diverged(self) -> None:
        """Write result.json of a run that had to stop because a number was not finite."""
        self.result("diverged", {"train": None, "valid": None, "test": None})

    def stopped(self) -> None:
        """Say how far a run came that was asked to end, and how it goes on."""
        text = early_ending("interrupted", self.progress, self.folder)
        self.record.ending(text, self.progress.step)

    def _report_update(self, number: int, description: str, seconds: float) -> None:
        step = self.progress.step
        self.meters["time/step"].add(seconds)
        for line in self.expected_end.news(self.progress.phase, self.progress.epoch, number):
            self.monitor.info(line)
        if number % self.experiment.print_frequency == 0:
            self.monitor.info(
                f"{description}, update {number}/{self.updates_per_epoch}: {self.standing()}"
            )
        if number % self.experiment.print_frequency == 0 or number == self.updates_per_epoch:
            means = self.meters.means()
            times = {k: v for k, v in means.items() if k in ("time/step", "time/data")}
            self.record.scalars(times, step)
