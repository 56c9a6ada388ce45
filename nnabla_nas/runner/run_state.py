"""What a run is made of: data, graphs, optimizers and records, and the state it is resumed from."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import nnabla_nas.function as function
from nnabla_nas.artifact.checkpoint import Checkpoints
from nnabla_nas.artifact.meter import Meters
from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.progress import Phase, Progress
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.transform_arguments import build_transforms
from nnabla_nas.dataset.dataset import Data
from nnabla_nas.dataset.loader import Loader
from nnabla_nas.dataset.named_transforms import named_transform
from nnabla_nas.dataset.split import split
from nnabla_nas.dataset.transforms import Transform, training_transform
from nnabla_nas.device.runtime import Runtime
from nnabla_nas.errors import InputError
from nnabla_nas.optimizer.loss_scale import LossScale
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.runner.constraints import build_constraints
from nnabla_nas.runner.expected_end import ExpectedEnd
from nnabla_nas.runner.graph import Graph, Purpose
from nnabla_nas.runner.interruption import Interruption
from nnabla_nas.runner.metrics import NAMES as METRICS
from nnabla_nas.runner.metrics import check_select
from nnabla_nas.runner.optimizers import build_optimizer
from nnabla_nas.runner.record import Record
from nnabla_nas.runner.score import Readings
from nnabla_nas.search_space.model import Model


class RunState(ABC):
    """What a run is made of, and where it stands.

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
        mixes_images: whether training images are mixed of two.
        complete: called with the content of result.json before that says that the run has
            finished: what else the run is to leave behind is written then.
    """

    searches: ClassVar[bool]
    mixes_images: bool = False

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
            self._training_transform(),
            runtime.streams,
            "train",
        )
        self.updates_per_epoch = self.train_loader.updates_per_epoch
        self.net_parameters = model.get_net_parameters(grad_only=True)
        self.expected_end = ExpectedEnd(self.epochs_by_phase(), self.updates_per_epoch)
        self.meters = Meters()
        # On a device a number is waited for, so it is read when somebody wants to see it.
        self.readings = Readings(at_once=function.on_cpu())
        self._graphs: dict[tuple[Purpose, int], Graph] = {}
        self.select = experiment.select or "error"
        # What is selected by is also told.
        self.asked_metrics: list[str] = [*(experiment.metrics or [])]
        if self.select in METRICS and self.select not in self.asked_metrics:
            self.asked_metrics.append(self.select)
        self._began = time.perf_counter()
        self.progress = Progress(phase=self.first_phase())
        self.train_graph = self.graph("train", experiment.mini_batch_train)
        check_select(experiment.select, self.train_graph.metric_names, self.own_metrics())
        if experiment.aux_weight and self.train_graph.n_outputs == 1:
            monitor.once("aux_weight is not used: the network has no auxiliary head")
        self.constraints = build_constraints(experiment, model, self.input_shape, folder)
        self.record = Record(folder, monitor, model, self.input_shape, visualize, self.constraints)
        self.checkpoints = Checkpoints(folder.checkpoint, folder.require_held)
        self.interruption = Interruption()
        self.complete: Callable[[Mapping[str, Any]], None] = lambda result: None

    def _training_transform(self) -> Transform:
        """Return what is done with training images: what the experiment names, or the default."""
        augmentations = build_transforms(self.experiment)
        if augmentations is None:
            return training_transform(self.data, self.experiment.cutout)
        return named_transform(self.data, augmentations)

    def own_metrics(self) -> Sequence[str]:
        """Return the metrics that this runner has beside those of the network."""
        return ()

    @abstractmethod
    def first_phase(self) -> Phase:
        """Return the phase a run begins with."""

    @abstractmethod
    def epochs_by_phase(self) -> dict[str, int]:
        """Return the epochs of each phase, in the order of the phases."""

    def graph(self, purpose: Purpose, batch_size: int) -> Graph:
        """Return the graph for a purpose and batch size, built on first use.

        Args:
            purpose: see `Graph`.
            batch_size: examples per pass.
        """
        key = (purpose, batch_size)
        if key not in self._graphs:
            weights = (1.0, self.experiment.aux_weight) if purpose == "train" else (1.0, 0.0)
            asked, select = self.asked_metrics, self.experiment.select
            self._graphs[key] = Graph(
                self.model,
                self.input_shape,
                batch_size,
                purpose,
                weights,
                asked,
                select,
                mixed=self.mixes_images and purpose == "train",
            )
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

    @contextmanager
    def on_device(self) -> Iterator[None]:
        """Count the time of the block as time of the device."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.progress.device_seconds += time.perf_counter() - start

    def read(self) -> None:
        """Read from the device what the updates since the last reading left there."""
        with self.on_device():
            self.readings.read()

    def state_dict(self) -> dict[str, Any]:
        """Return everything the rest of the run depends on."""
        self.read()
        return {
            "kernels": function.describe_kernels(),
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

    def kept_files(self) -> Sequence[Path]:
        """Return files of the output folder that the rest of the run relies on."""
        return ()

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
        before, now = state.get("kernels"), function.describe_kernels()
        if before and now and before["lanes"] != now["lanes"]:
            raise InputError(
                f"{self.folder.path}: the run was begun with kernels of {before['lanes']} lanes, "
                f"here they have {now['lanes']}; set NNABLA_NAS_LANES={before['lanes']}"
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
