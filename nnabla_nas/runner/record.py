"""What a run leaves in its output folder while it goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.progress import Progress
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.tensorboard import TensorBoard
from nnabla_nas.artifact.trajectory import Trajectory
from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.module.parameter_file import write_parameters
from nnabla_nas.search_space.model import Model

_CURVES = {
    "loss_train": "loss/train",
    "error_train": "error/train",
    "loss_valid": "loss/valid",
    "error_valid": "error/valid",
    "error_test": "error/test",
    "reward": "reward",
    "entropy": "arch/entropy",
    "changed_choices": "arch/changes",
}


class Record:
    """Writes architectures, weights, curves and lines of one run.

    Args:
        folder: the output folder; nothing is written to it before `open`.
        monitor: the voice of the run.
        model: the network.
        input_shape: (C, H, W) of one example.
        visualize: whether to draw architectures.
    """

    def __init__(
        self,
        folder: RunFolder,
        monitor: Monitor,
        model: Model,
        input_shape: tuple[int, int, int],
        visualize: bool,
    ) -> None:
        self.folder = folder
        self.monitor = monitor
        self._model = model
        self._input_shape = input_shape
        self._visualize = visualize
        self._trajectory = Trajectory(folder.trajectory)

    def open(self) -> None:
        """Create TensorBoard's event file; the output folder is open by now."""
        self._tensorboard = TensorBoard(self.folder.tensorboard)

    def costs(self) -> dict[str, Any]:
        """Return parameters and multiply-adds of the most probable architecture."""
        if self._model.choices():
            self._model.set_architecture(self._model.most_probable_architecture())
        multiply_adds = FLOPsEstimator()
        return {
            "parameters": ParameterEstimator().estimate(self._model, self._input_shape),
            "multiply_adds": multiply_adds.estimate(self._model, self._input_shape),
            "uncounted": multiply_adds.uncounted,
        }

    def architecture(self, step: int) -> None:
        """Write arch.h5 (while searching), arch.json and the drawing of the architecture.

        Args:
            step: updates done so far.
        """
        alphas = self._model.get_arch_parameters()
        if alphas:
            with self.folder.replacing(self.folder.arch_h5) as path:
                write_parameters(path, alphas)
        self.folder.write_json(self.folder.arch_json, {**self._model.decode(), **self.costs()})
        if self._visualize:
            self._draw(step)

    def _draw(self, step: int) -> None:
        folder = self.folder
        with folder.replacing(folder.arch_png) as png, folder.replacing(folder.arch_dot) as dot:
            self.monitor.once(self._model.visualize(png, dot))
        self._tensorboard.image("arch", folder.arch_png, step)

    def weights(self) -> None:
        """Write the weights and running statistics to weights.h5."""
        with self.folder.replacing(self.folder.weights) as path:
            write_parameters(path, self._model.get_net_parameters())

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to TensorBoard's curves.

        Args:
            values: value by tag.
            step: updates done so far.
        """
        self._tensorboard.scalars(values, step)

    def epoch(self, progress: Progress, epochs: int, values: Mapping[str, float | int]) -> None:
        """Write an epoch's row, curves and line.

        Args:
            progress: where the run stands.
            epochs: epochs of the phase.
            values: the trajectory's columns that were measured.
        """
        measured: dict[str, Any] = dict(values)
        self._trajectory.append(
            progress.phase,
            progress.epoch,
            progress.step,
            progress.seconds,
            progress.examples,
            **measured,
        )
        curves = {_CURVES[name]: value for name, value in values.items() if name in _CURVES}
        if "learning_rate" in values:
            curves[f"learning_rate/{progress.phase}"] = values["learning_rate"]
        self._tensorboard.scalars(curves, progress.step)
        shown = [f"{name.replace('_', ' ')} {_short(value)}" for name, value in values.items()]
        self.monitor.info(
            f"{progress.phase} {progress.epoch}/{epochs}: {', '.join(shown)} "
            f"({progress.seconds:.0f} s)"
        )

    def text(self, tag: str, text: str) -> None:
        """Add a text to TensorBoard.

        Args:
            tag: its name.
            text: Markdown.
        """
        self._tensorboard.text(tag, text, 0)

    def close(self) -> None:
        """Close TensorBoard's event file."""
        self._tensorboard.close()


def _short(value: float) -> str:
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    return f"{value:.4g}"
