"""What a run leaves in its output folder while it goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.probability_map import draw_probabilities
from nnabla_nas.artifact.progress import Progress
from nnabla_nas.artifact.result import Result
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.trajectory import Trajectory
from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.module.parameter_file import write_parameters
from nnabla_nas.runner.board import Board
from nnabla_nas.runner.constraints import write_latencies
from nnabla_nas.search_space.model import Model

_IN_TRAJECTORY = ("loss", "error", "examples")
_MOST_CLASSES_DRAWN = 100


class Record:
    """Writes architectures, weights, curves and lines of one run.

    Args:
        folder: the output folder; nothing is written to it before `open`.
        monitor: the voice of the run.
        model: the network.
        input_shape: (C, H, W) of one example.
        visualize: whether to draw architectures.
        constraints: what the architecture's costs are compared with.

    Attributes:
        visualize: whether to draw.
    """

    def __init__(
        self,
        folder: RunFolder,
        monitor: Monitor,
        model: Model,
        input_shape: tuple[int, int, int],
        visualize: bool,
        constraints: Sequence[Constraint] = (),
    ) -> None:
        self.folder = folder
        self.monitor = monitor
        self._model = model
        self._input_shape = input_shape
        self.visualize = visualize
        self._constraints = constraints
        self._trajectory = Trajectory(folder.trajectory, folder.require_held)
        self._board = Board(folder, model, input_shape, visualize, constraints)

    def open(self, after_step: int | None = None) -> None:
        """Create TensorBoard's event file; the output folder is open by now.

        Args:
            after_step: after a resume: what was recorded later than this is forgotten.
        """
        purge_step = None
        if after_step is not None:
            damaged = self._trajectory.cut_back(after_step, self.folder.replacing)
            if damaged:
                self.monitor.warning(
                    f"{self.folder.trajectory}: {damaged} damaged lines are left out"
                )
            purge_step = after_step + 1
        self._board.open(purge_step)

    def describe(self, summary: str, config: Mapping[str, Any]) -> None:
        """Write config.json, and show what is being run.

        Args:
            summary: lines about the experiment.
            config: the resolved experiment.
        """
        self.folder.write_json(self.folder.config, config)
        write_latencies(self._constraints, self.folder)
        self._board.describe(summary, config)

    def costs(self) -> dict[str, Any]:
        """Return parameters, multiply-adds and constrained costs of the decoded architecture."""
        derived = self._model.derived()
        multiply_adds = FLOPsEstimator()
        return {
            "parameters": ParameterEstimator().estimate(derived, self._input_shape),
            "multiply_adds": multiply_adds.estimate(derived, self._input_shape),
            "uncounted": multiply_adds.uncounted,
            "constraints": {one.key: one.in_words(derived) for one in self._constraints},
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
        costs = self.costs()
        self.folder.write_json(self.folder.arch_json, {**self._model.decode(), **costs})
        if self.visualize:
            self._draw()
        self._board.architecture(costs, step)

    def _draw(self) -> None:
        folder = self.folder
        with folder.replacing(folder.arch_png) as png, folder.replacing(folder.arch_dot) as dot:
            self.monitor.once(self._model.visualize(png, dot))

    def weights(self, file: Path | None = None) -> None:
        """Write the weights and running statistics.

        Args:
            file: where; by default to weights.h5.
        """
        with self.folder.replacing(file or self.folder.weights) as path:
            write_parameters(path, self._model.get_net_parameters())

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to TensorBoard's curves.

        Args:
            values: value by tag.
            step: updates done so far.
        """
        self._board.scalars(values, step)

    def further(self, metrics: Mapping[str, Mapping[str, float] | None], step: int) -> None:
        """Show metrics that are no columns of trajectory.csv as curves and in a line.

        Args:
            metrics: by set, None for a set not evaluated.
            step: updates done so far.
        """
        values = {
            f"{name}/{part}": value
            for part, one in metrics.items()
            for name, value in (one or {}).items()
            if name not in _IN_TRAJECTORY
        }
        if values:
            self.scalars(values, step)
            shown = [f"{name.replace('/', ' ')} {_short(value)}" for name, value in values.items()]
            self.monitor.info(", ".join(shown))

    def confusion(self, counts: npt.NDArray[np.float64], classes: Sequence[str]) -> None:
        """Draw the confusion matrix of the test set.

        Args:
            counts: a row per class, a column per prediction.
            classes: names of the classes; empty where they have none.
        """
        if not self.visualize:
            return
        if len(counts) > _MOST_CLASSES_DRAWN:
            self.monitor.once(f"no confusion matrix is drawn of over {_MOST_CLASSES_DRAWN} classes")
            return
        names = list(classes) or [str(label) for label in range(len(counts))]
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        table = {
            name: dict(zip(names, map(float, row), strict=True))
            for name, row in zip(names, shares, strict=True)
        }
        title = "test set: share of each class (row) that is taken for each class (column)"
        picture = draw_probabilities(title, table)
        with self.folder.replacing(self.folder.confusion_png) as path:
            picture.save(path, format="PNG")

    def epoch(
        self,
        progress: Progress,
        epochs: int,
        values: Mapping[str, float | int],
        ends: str | None = None,
    ) -> None:
        """Write an epoch's row, curves and line.

        Args:
            progress: where the run stands.
            epochs: epochs of the phase.
            values: the trajectory's columns that were measured.
            ends: when the run is expected to end, if that is known.
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
        self._board.epoch(progress, values)
        shown = [f"{name.replace('_', ' ')} {_short(value)}" for name, value in values.items()]
        self.monitor.info(
            f"{progress.phase} {progress.epoch}/{epochs}: {', '.join(shown)} "
            f"({progress.seconds:.0f} s{f', run ends {ends}' if ends else ''})"
        )

    def result(self, result: Result, config: Mapping[str, Any]) -> None:
        """Write result.json; a run that finished gets its row in TensorBoard's table of runs.

        Args:
            result: how the run ended.
            config: the resolved experiment.
        """
        self.folder.write_result(result.to_json())
        if result.status == "finished":
            self._board.outcome(config, result)

    def ending(self, text: str, step: int) -> None:
        """Say what a run ends with, on the console, in log.txt and in TensorBoard.

        Args:
            text: its lines.
            step: updates done.
        """
        self.monitor.info(text)
        self._board.ending(text, step)

    def close(self) -> None:
        """Close TensorBoard's event file."""
        self._board.close()


def _short(value: float) -> str:
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    return f"{value:.4g}"
