"""What a run shows in TensorBoard."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnabla_nas.artifact.probability_map import draw_probabilities
from nnabla_nas.artifact.progress import Progress
from nnabla_nas.artifact.result import Result
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.tensorboard import TensorBoard
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.runner.network_graph import network_graph
from nnabla_nas.search_space.model import Model

# The page that TensorBoard opens first shows curves by the alphabet of their groups: what tells of
# the health of a search begins with a, e and l, the rest with later letters.
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
_LEARNING = {"loss": ["loss/.*"], "error": ["error/.*"]}
_SEARCH_HEALTH = {
    "search health": {
        **_LEARNING,
        "entropy of the choices (nats)": ["arch/entropy"],
        "changed choices": ["arch/changes"],
        "reward": ["reward"],
        "share of skip_connect": ["arch/skip_fraction"],
    }
}
_TRAINING = {"training": {**_LEARNING, "learning rate": ["learning_rate/.*"]}}
# Where a run writes and on what it runs does not distinguish it in a table of runs.
_NO_HYPERPARAMETERS = {"output_path", "device_id", "threads", "print_frequency"}


class Board:
    """Shows curves, probabilities, the network and texts of one run.

    Args:
        folder: the output folder; nothing is written to it before `open`.
        model: the network.
        input_shape: (C, H, W) of one example.
        visualize: whether to draw pictures.
        constraints: the costs that have bounds.
    """

    def __init__(
        self,
        folder: RunFolder,
        model: Model,
        input_shape: tuple[int, int, int],
        visualize: bool,
        constraints: Sequence[Constraint] = (),
    ) -> None:
        self._folder = folder
        self._model = model
        self._input_shape = input_shape
        self._visualize = visualize
        self._constraints = constraints
        self._shown: list[int] | None = None
        self._drawn_at = -1

    def open(self, purge_step: int | None = None) -> None:
        """Create the event file and arrange the curves.

        Args:
            purge_step: after a resume, the first step that is done again.
        """
        self._tensorboard = TensorBoard(self._folder.tensorboard, purge_step)
        page: dict[str, Any] = _SEARCH_HEALTH if self._model.choices() else _TRAINING
        tags = self._cost_tags()
        if tags:
            page = {**page, "costs": {}}
        for one in self._constraints:
            # The cost of the decoded architecture, the expected one and the bound.
            title = f"{one.name} ({one.estimator.unit}), {one.key}"
            page["costs"][title] = [f"{re.escape(tags[one.key])}(/expected|/bound)?$"]
        self._tensorboard.layout(page)

    def describe(self, summary: str, config: Mapping[str, Any]) -> None:
        """Show what is being run: texts, and the graph of the network.

        Args:
            summary: lines about the experiment.
            config: the resolved experiment.
        """
        self._tensorboard.text("summary", _preformatted(summary), 0)
        self._tensorboard.text("config", _preformatted(json.dumps(config, indent=2)), 0)
        self._show_graph()

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to each curve.

        Args:
            values: value by tag.
            step: updates done so far.
        """
        self._tensorboard.scalars(values, step)

    def epoch(self, progress: Progress, values: Mapping[str, float | int]) -> None:
        """Add an epoch's points, and the architecture parameters as they are now.

        Args:
            progress: where the run stands.
            values: the trajectory's columns that were measured.
        """
        curves = {_CURVES[name]: value for name, value in values.items() if name in _CURVES}
        if "learning_rate" in values:
            curves[f"learning_rate/{progress.phase}"] = values["learning_rate"]
        self._tensorboard.scalars(curves, progress.step)
        alphas = self._model.get_arch_parameters()
        self._tensorboard.histograms(
            {f"parameter/{path}": alpha.d for path, alpha in alphas.items()}, progress.step
        )
        if alphas and self._visualize:
            title = f"probability of each operation, {progress.phase} epoch {progress.epoch}"
            picture = draw_probabilities(title, probabilities(self._model))
            self._tensorboard.image("arch/probabilities", picture, progress.step)

    def architecture(self, costs: Mapping[str, Any], step: int) -> None:
        """Show the drawing of the most probable architecture, and what it costs.

        Args:
            costs: its `parameters`, `multiply_adds` and `constraints`.
            step: updates done so far.
        """
        if step == self._drawn_at:
            return
        self._drawn_at = step
        sizes = {
            "size/parameters": costs["parameters"],
            "size/multiply_adds": costs["multiply_adds"],
        }
        tags, choices = self._cost_tags(), list(self._model.choices().values())
        for one in self._constraints:
            tag = tags[one.key]
            sizes |= {tag: costs["constraints"][one.key]["value"], f"{tag}/bound": one.bound}
            if choices:
                sizes[f"{tag}/expected"] = one.expected(choices)
        self._tensorboard.scalars(sizes, step)
        if self._visualize:
            self._tensorboard.image("arch", self._folder.arch_png, step)

    def outcome(self, config: Mapping[str, Any], result: Result) -> None:
        """Show how a finished run ended: its row in the table of runs, and the final network.

        Args:
            config: the resolved experiment.
            result: how it ended.
        """
        parts = {part: result.metrics.get(part) or {} for part in ("test", "valid", "train")}
        final = {
            "result/error_test": parts["test"].get("error"),
            "result/parameters": result.parameters,
            "result/multiply_adds": result.multiply_adds,
            "result/seconds": result.wall_clock_seconds,
        }
        for name in ("error", "loss"):
            final |= {f"result/{name}_{part}": one.get(name) for part, one in parts.items()}
        values = {k: v for k, v in config.items() if k not in _NO_HYPERPARAMETERS}
        given = hyperparameters(values) | {
            "experiment": experiment_name(self._folder.path, result.seed),
            "seed": result.seed,
        }
        self._tensorboard.hyperparameters(given, final, result.updates, ("experiment", "seed"))
        self._show_graph()

    def ending(self, text: str, step: int) -> None:
        """Show the lines that the run ended with.

        Args:
            text: its lines.
            step: updates done.
        """
        self._tensorboard.text("result", _preformatted(text), step)

    def close(self) -> None:
        """Close the event file."""
        self._tensorboard.close()

    def _cost_tags(self) -> dict[str, str]:
        """Return the tag of each constraint's cost by its key."""
        tags: dict[str, str] = {}
        for one in self._constraints:
            # Two constraints may have the same estimator, with other arguments.
            tags[one.key] = f"{one.name}/{one.key}" if one.name in tags.values() else one.name
        return tags

    def _show_graph(self) -> None:
        architecture = self._model.most_probable_architecture()
        if architecture == self._shown:
            return
        self._tensorboard.graph(network_graph(self._model.derived(), self._input_shape))
        self._shown = architecture


def probabilities(model: Model) -> dict[str, dict[str, float]]:
    """Return the probability of each operation, by architecture parameter and operation.

    Args:
        model: the network.
    """
    choices = {id(choice.alpha): choice for choice in model.choices().values()}
    # A file may hold architecture parameters that no choice of a small network has.
    paths = {path: p for path, p in model.get_arch_parameters().items() if id(p) in choices}
    table = {}
    for name, alpha in zip(_without_common_end(list(paths)), paths.values(), strict=True):
        choice = choices[id(alpha)]
        names = list(choice.names)
        if len(set(names)) < len(names):
            names = [f"{index} {name}" for index, name in enumerate(names)]
        table[name] = dict(zip(names, map(float, choice.probabilities), strict=True))
    return table


def experiment_name(folder: Path, seed: int) -> str:
    """Return the last two parts of a folder's path, without one that names the seed only.

    Args:
        folder: a run's folder, such as `log/study/found/seed-3`.
        seed: the run's seed.
    """
    parts = folder.absolute().parts[1:]
    if len(parts) > 1 and parts[-1] in (f"{seed}", f"seed-{seed}", f"seed_{seed}", f"seed{seed}"):
        parts = parts[:-1]
    return "/".join(parts[-2:])


def hyperparameters(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of an experiment by dotted path; lists as JSON, null left out.

    Args:
        config: the experiment, or a part of it.
        prefix: the path of the part, with a dot behind.
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= hyperparameters(value, f"{prefix}{key}.")
        elif value is not None:
            flat[prefix + key] = json.dumps(value) if isinstance(value, list | tuple) else value
    return flat


def _without_common_end(paths: Sequence[str]) -> list[str]:
    """Cut off the last parts that all paths share; each keeps its first part."""
    parts = [path.split("/") for path in paths]
    while all(len(one) > 1 for one in parts) and len({one[-1] for one in parts}) == 1:
        parts = [one[:-1] for one in parts]
    return ["/".join(one) for one in parts]


def _preformatted(text: str) -> str:
    return f"```\n{text}\n```"
