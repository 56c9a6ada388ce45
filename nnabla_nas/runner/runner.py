"""What searchers and trainers share: data, weight steps, evaluation, the end of a run."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import nnabla_nas.function as function
from nnabla_nas.artifact.checkpoint import Checkpoints
from nnabla_nas.artifact.meter import Meters
from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.progress import Phase, Progress
from nnabla_nas.artifact.result import Result, Status
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.dataset.dataset import Batch, Data, Images
from nnabla_nas.dataset.loader import Loader
from nnabla_nas.dataset.split import split
from nnabla_nas.dataset.transforms import evaluation_transform, training_transform
from nnabla_nas.device.runtime import Runtime
from nnabla_nas.errors import DivergedError, InputError
from nnabla_nas.optimizer.loss_scale import LossScale
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.runner.constraints import build_constraints
from nnabla_nas.runner.divergence import first_non_finite, require_finite
from nnabla_nas.runner.evaluation import Metrics, mean_metrics, nearly_equal_batches
from nnabla_nas.runner.expected_end import expected_end
from nnabla_nas.runner.graph import Graph, Purpose
from nnabla_nas.runner.interruption import Interruption
from nnabla_nas.runner.optimizers import build_optimizer
from nnabla_nas.runner.record import Record
from nnabla_nas.runner.score import Readings, Score
from nnabla_nas.search_space.model import Model


class Runner(ABC):
    """Runs one experiment. Options of an algorithm are keyword-only parameters of its class.

    Args:
        experiment: the completed experiment.
        runtime: device and random streams.
        model: the network, built.
        data: the data set, read.
        folder: the output folder; it need not be open yet.
        monitor: the voice of the run.
        visualize: whether to draw architectures.

    Attributes:
        searches: whether the algorithm searches (`SearchNet`) or trains (`TrainNet`).
        modes: the modes of choices that it can run; empty where any will do.
    """

    searches: ClassVar[bool]
    modes: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        experiment: Experiment,
        runtime: Runtime,
        model: Model,
        data: Data,
        folder: RunFolder,
        monitor: Monitor,
        visualize: bool = True,
    ) -> None:
        self.experiment = experiment
        self.runtime = runtime
        self.model = model
        self.data = data
        self.monitor = monitor
        self.folder = folder
        assert experiment.input_shape is not None
        self.input_shape = experiment.input_shape
        self.train_part, self.valid_part = split(
            data.train.labels, experiment.train_portion, experiment.seed
        )
        self.train_loader = Loader(
            data.train,
            self.train_part,
            experiment.batch_size_train,
            training_transform(data, experiment.cutout),
            runtime.streams,
            "train",
        )
        self.updates_per_epoch = self.train_loader.updates_per_epoch
        self.net_parameters = model.get_net_parameters(grad_only=True)
        self.meters = Meters()
        # On a device a number is waited for, so it is read when somebody wants to see it.
        self.readings = Readings(at_once=function.on_cpu())
        self._graphs: dict[tuple[Purpose, int], Graph] = {}
        self._began = time.perf_counter()
        self.progress = Progress(phase=self.first_phase())
        self.train_graph = self.graph("train", experiment.mini_batch_train)
        if experiment.aux_weight and self.train_graph.n_outputs == 1:
            monitor.once("aux_weight is not used: the network has no auxiliary head")
        self.constraints = build_constraints(experiment, model, self.input_shape, folder)
        self.record = Record(folder, monitor, model, self.input_shape, visualize, self.constraints)
        self.checkpoints = Checkpoints(folder.checkpoint)
        self.interruption = Interruption()

    @abstractmethod
    def run(self) -> int:
        """Run the experiment from where `progress` stands and return the exit code."""

    @abstractmethod
    def first_phase(self) -> Phase:
        """Return the phase a run begins with."""

    def graph(self, purpose: Purpose, batch_size: int) -> Graph:
        """Return the graph for a purpose and batch size, built on first use.

        Args:
            purpose: see `Graph`.
            batch_size: examples per pass.
        """
        key = (purpose, batch_size)
        if key not in self._graphs:
            weights = (1.0, self.experiment.aux_weight) if purpose == "train" else (1.0, 0.0)
            self._graphs[key] = Graph(self.model, self.input_shape, batch_size, purpose, weights)
        return self._graphs[key]

    def optimizer(self, phase: str, parameters: dict[str, Any], epochs: int) -> Optimizer | None:
        """Build the optimizer of a phase, or return None where the experiment has no such phase.

        Args:
            phase: `train`, `valid` or `warmup`.
            parameters: path → parameter.
            epochs: how long the phase lasts.
        """
        settings = getattr(self.experiment.optimizer, phase)
        if settings is None or epochs == 0:
            return None
        scale = None if self.experiment.type_config == "float" else LossScale()
        return build_optimizer(settings, parameters, epochs * self.updates_per_epoch, scale)

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
            self.readings.add(self.train_graph.accumulate(batch, optimizer.scale), count)
            optimizer.unscale()
            optimizer.update()
        self.progress.examples += n

    def evaluate(
        self, images: Images, indices: npt.NDArray[np.int64], batch_size: int, purpose: Purpose
    ) -> Metrics:
        """Return mean loss and error of the active path over some images, and their number.

        Args:
            images: where to read them.
            indices: which of them, (n,).
            batch_size: most examples per pass.
            purpose: `judge` or `evaluate`, see `Graph`.
        """

        def judge(batch: Batch) -> Score:
            with self.on_device():
                return self.graph(purpose, len(batch.targets)).evaluate(batch)

        transform = evaluation_transform(self.data)
        batches = nearly_equal_batches(images, indices, batch_size, transform)
        metrics = mean_metrics(batches, judge)
        # nnabla finds no error in logits that are not numbers.
        self.require_finite(metrics["loss"], "the loss in evaluation")
        return metrics

    def run_epoch(self, description: str, update: Callable[[], None]) -> None:
        """Do an epoch's updates, saying now and then where it stands.

        Args:
            description: what the progress bar says.
            update: does one update.
        """
        # The loader's cursor also says where an interrupted epoch stands.
        done = self.train_loader.state_dict()["batch"]
        if done == 0:
            self.meters.reset()
        with self.monitor.progress(self.updates_per_epoch, description) as bar:
            bar.advance(done)
            for number in range(done + 1, self.updates_per_epoch + 1):
                start = time.perf_counter()
                update()
                self.progress.step += 1
                if self._is_reported(number):
                    self.read()
                self.progress.seconds = time.perf_counter() - self._began
                self._report_update(number, description, time.perf_counter() - start)
                loss = self.meters["loss_train"]
                # On a device the first ones of an epoch are not read yet.
                bar.advance(loss=f"{loss.mean:.3f}" if loss.weight else "...")
                if number < self.updates_per_epoch and self.interruption.signal is not None:
                    self.save_checkpoint()
                    self.interruption.check(self._where())
        self.progress.epoch += 1

    def _is_reported(self, number: int) -> bool:
        """Return whether something is said after an update of the epoch, counted from 1."""
        # The first update of a run says how long the rest will take.
        return (
            number % self.experiment.print_frequency == 0
            or number == self.updates_per_epoch
            or self.progress.step == 1
        )

    def read(self) -> None:
        """Read from the device what the updates since the last reading left there."""
        with self.on_device():
            self.readings.read()

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
        self.checkpoints.save(self.state_dict())

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

    @contextmanager
    def on_device(self) -> Iterator[None]:
        """Count the time of the block as time of the device."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.progress.device_seconds += time.perf_counter() - start

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
        """Write result.json.

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
        self.record.result(result, self.experiment.to_json())

    def epochs_done(self) -> int:
        """Return the epochs done so far, warm-up included."""
        return self.progress.epoch

    def diverged(self) -> None:
        """Write result.json of a run that had to stop because a number was not finite."""
        self.result("diverged", {"train": None, "valid": None, "test": None})

    def state_dict(self) -> dict[str, Any]:
        """Return everything the rest of the run depends on."""
        self.read()
        return {
            "progress": self.progress.state_dict(),
            "meters": self.meters.state_dict(),
            "streams": self.runtime.streams.state_dict(),
            "train_loader": self.train_loader.state_dict(),
            "architecture": self._fixed_architecture(),
            # Running statistics that a half-precision pass wrote are float16.
            "parameters": {
                k: p.d.astype(np.float32) for k, p in self.model.get_parameters().items()
            },
            "optimizers": {k: o.state_dict() for k, o in self.optimizers().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` stood.

        Args:
            state: what `state_dict` of a runner of the same experiment returned.
        """
        if state["architecture"] != self._fixed_architecture():
            raise InputError(
                f"{self.folder.path}: the run was begun with another architecture; the file "
                "network.genotype has changed since"
            )
        self.progress.load_state_dict(state["progress"])
        self._began = time.perf_counter() - self.progress.seconds
        self.meters.load_state_dict(state["meters"])
        self.runtime.streams.load_state_dict(state["streams"])
        self.train_loader.load_state_dict(state["train_loader"])
        self.model.set_parameters(state["parameters"], raise_if_missing=True)
        for name, optimizer in self.optimizers().items():
            optimizer.load_state_dict(state["optimizers"][name])

    def _fixed_architecture(self) -> dict[str, Any] | None:
        """Return the architecture in words where it is not searched."""
        # Through JSON, as it comes back from a checkpoint.
        return None if self.searches else json.loads(json.dumps(self.model.decode()))

    @abstractmethod
    def optimizers(self) -> dict[str, Optimizer]:
        """Return the optimizers in use by phase."""

    def close(self) -> None:
        """End reading ahead."""
        self.train_loader.close()

    def _report_update(self, number: int, description: str, seconds: float) -> None:
        step = self.progress.step
        self.meters["time/step"].add(seconds)
        if step == 1:
            for line in expected_end(seconds, self.total_updates() - 1):
                self.monitor.info(line)
        if number % self.experiment.print_frequency == 0:
            means = self.meters.means()
            self.monitor.info(
                f"{description}, update {number}/{self.updates_per_epoch}: "
                f"loss {means['loss_train']:.4g}, error {means['error_train']:.4g}"
            )
        if number % self.experiment.print_frequency == 0 or number == self.updates_per_epoch:
            means = self.meters.means()
            times = {name: means[name] for name in ("time/step", "time/data")}
            self.record.scalars(times, step)

    @abstractmethod
    def total_updates(self) -> int:
        """Return the number of updates of the whole run."""
