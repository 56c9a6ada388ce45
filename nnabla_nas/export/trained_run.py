"""A finished training, read back from its output folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nnabla as nn

from nnabla_nas import random
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.writing import reason
from nnabla_nas.config.completion import build_dataset, build_network, complete_trained
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.imports import import_paths
from nnabla_nas.config.reading import read_experiment
from nnabla_nas.dataset.dataset import Data, Dataset
from nnabla_nas.dataset.inputs import Inputs
from nnabla_nas.device.context import choose_device
from nnabla_nas.errors import DataError, GenotypeError, InputError
from nnabla_nas.integrity import read_regular
from nnabla_nas.search_space.model import Model

_LARGEST_JSON = 64_000_000


@dataclass(frozen=True)
class TrainedRun:
    """A training that has left its weights.

    Args:
        folder: its output folder.
        experiment: what it ran.
        model: its network, with the weights it kept.
        architecture: what arch.json says.
        inputs: what the network takes and what its outputs are called.
        result: what result.json says, or is about to say; of a run that has not come to its end
            nothing.
    """

    folder: RunFolder
    experiment: Experiment
    model: Model
    architecture: dict[str, Any]
    inputs: Inputs
    result: Mapping[str, Any]

    def read_data(self) -> Data:
        """Read the data set it was trained on.

        Raises:
            DataError: if that is missing or damaged, or has changed since.
        """
        dataset: Dataset = build_dataset(self.experiment)
        data = dataset.read()
        if _environment(self.folder).get("data_checksum", data.checksum) != data.checksum:
            raise DataError(f"{self.folder.config}: the data set is not the one of the training")
        return data


@contextmanager
def open_run(
    path: str | Path, context: str | None = None, allow_imports: bool = False
) -> Iterator[TrainedRun]:
    """Read a training back; nnabla computes on its device in the block.

    The architecture comes from the folder's arch.json, so it matters neither where the file that
    the training read has gone, nor whether there was one.

    Args:
        path: the output folder.
        context: what to compute on; by default as the experiment says.
        allow_imports: whether modules that the folder's config.json names may be imported, which
            runs what they hold.

    Yields:
        The run.

    Raises:
        InputError: if the folder holds no run, a search, or files that do not fit each other.
        DamagedError: if a file has changed since the run ended.
    """
    folder = RunFolder(path)
    experiment = _experiment(folder, allow_imports)
    # The weights are float32, whatever they were trained in, and a CPU has no other type.
    device = choose_device(context or experiment.context, experiment.device_id, "float")
    with random.use(random.Streams(experiment.seed)), nn.context_scope(device.context):
        inputs = _inputs(folder, experiment)
        result = _read_object(folder.result) if folder.result.exists() else {}
        yield kept_network(folder, experiment, build_network(experiment), inputs, result)


def kept_network(
    folder: RunFolder,
    experiment: Experiment,
    model: Model,
    inputs: Inputs,
    result: Mapping[str, Any],
) -> TrainedRun:
    """Give a training's network the weights that the training kept.

    Args:
        folder: the output folder.
        experiment: what it ran.
        model: its network, built.
        inputs: what the network takes.
        result: what result.json says.

    Raises:
        InputError: if the folder's files are missing, damaged or do not fit the network.
    """
    architecture = _read_object(folder.arch_json)
    # Through JSON, as what was read has been; costs stand beside the words in the file.
    words = json.loads(json.dumps(model.decode()))
    if words != {key: architecture.get(key) for key in words}:
        raise GenotypeError(
            f"{folder.arch_json}: not the architecture that {folder.config} describes"
        )
    model.load_weights(folder.weights)
    return TrainedRun(folder, experiment, model, architecture, inputs, result)


def _experiment(folder: RunFolder, allow_imports: bool) -> Experiment:
    """Return the experiment, its architecture the one in the folder and its weights left out."""
    if not folder.config.is_file():
        raise InputError(f"{folder.path}: holds no run: there is no {folder.config.name} in it")
    folder.check_files(folder.config, folder.arch_json, folder.weights, folder.result)
    experiment = read_experiment(str(folder.config))
    if experiment.search:
        # A command that stands in a file is not printed: it would be somebody else's to run.
        raise InputError(
            f"{folder.path}: holds a search, which trains no network to keep; train what it found, "
            f"as {folder.result.name} says under 'retrain', and name that folder"
        )
    if not folder.weights.is_file():
        raise InputError(f"{folder.path}: holds no {folder.weights.name}: nothing is trained yet")
    arguments = dict(experiment.network.arguments)
    if "genotype" in arguments:
        other_sources = {"param_path": None, "random_init": False}
        arguments |= {key: value for key, value in other_sources.items() if key in arguments}
        arguments["genotype"] = str(folder.arch_json)
    if "weights" in arguments:
        arguments["weights"] = None
    network = experiment.network.model_copy(update={"arguments": arguments})
    completed = experiment.model_copy(update={"network": network})
    completed = completed.with_sources(experiment.sources)
    named = import_paths(experiment)
    if named and not allow_imports:
        key, name = named[0]
        raise InputError(
            f"{folder.config}: {key} is {name}, a module that would be imported, and so run; if "
            "you trust it, add --allow-imports"
        )
    with _not_looked_for_in(folder.path):
        return complete_trained(completed)


@contextmanager
def _not_looked_for_in(folder: Path) -> Iterator[None]:
    """Leave a folder, and those below it, out of the places modules are looked for in."""
    before, place = sys.path, folder.resolve()
    resolved = [(entry, Path(entry or ".").resolve()) for entry in before]
    sys.path = [e for e, at in resolved if at != place and place not in at.parents]
    try:
        yield
    finally:
        sys.path = before


def _inputs(folder: RunFolder, experiment: Experiment) -> Inputs:
    """Return what config.json says of the data; without that the data set is read."""
    described = _environment(folder).get("inputs")
    if described is not None:
        return Inputs.from_json(described, f"{folder.config}: environment.inputs")
    dataset: Dataset = build_dataset(experiment)
    return Inputs.of(dataset.info, dataset.read())


def _environment(folder: RunFolder) -> dict[str, Any]:
    """Return what config.json says beside the experiment."""
    environment = _read_object(folder.config).get("environment")
    return environment if isinstance(environment, dict) else {}


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_regular(path, _LARGEST_JSON))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON, or too large") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a JSON object")
    return content
