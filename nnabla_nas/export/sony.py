"""Parameters of a zoph network in a file that Sony's nnabla-nas reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nnabla as nn
import numpy as np

from nnabla_nas import random
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.completion import build_network
from nnabla_nas.config.reading import read_experiment
from nnabla_nas.errors import InputError
from nnabla_nas.export.trained_run import open_run
from nnabla_nas.module.parameter_file import parameter_shapes, read_parameters, write_parameters
from nnabla_nas.search_space.model import Model
from nnabla_nas.search_space.zoph.network import ZophNetwork
from nnabla_nas.search_space.zoph.sony_file import (
    aligned,
    alpha_names,
    holds_architecture,
    holds_weights,
    leaf,
)

_STATISTICS = ("_mean", "_var")


def export_sony(folder: str, names_file: str) -> Path:
    """Write what a search or a training of the space zoph has left under Sony's names.

    Args:
        folder: the run's output folder.
        names_file: a file that nnabla-nas wrote for the same network: it says how parameters are
            called there, which of them are wanted, and holds what this run has no value for.

    Returns:
        The file, in the folder.

    Raises:
        InputError: if the run is of another space, or the file of another network.
        NasError: if the file cannot be written.
    """
    shapes = parameter_shapes(names_file)
    values = read_parameters(names_file, shapes)
    with _network(folder) as model:
        if not isinstance(model, ZophNetwork):
            raise InputError(
                f"{folder}: its space is not zoph; Sony's nnabla-nas reads its arch.h5 and "
                "weights.h5 as they are"
            )
        if holds_architecture(names_file) or not holds_weights(names_file):
            values |= _alphas(model, names_file)
        if holds_weights(names_file):
            values |= _weights(model, names_file)
    target = RunFolder(folder)
    with target.replacing(target.network_sony) as partial:
        write_parameters(
            partial,
            {
                name: nn.Variable.from_numpy_array(
                    values[name], need_grad=leaf(name) not in _STATISTICS
                )
                for name in shapes
            },
        )
    return target.network_sony


@contextmanager
def _network(path: str) -> Iterator[Model]:
    """Yield the network that a search or a training has left, with its parameters."""
    folder = RunFolder(path)
    if not folder.config.is_file() or not read_experiment(str(folder.config)).search:
        with open_run(path, "cpu") as run:
            yield run.model
        return
    experiment = read_experiment(str(folder.config))
    with random.use(random.Streams(experiment.seed)):
        model: Model = build_network(experiment)
    model.load_weights(folder.weights)
    shapes = {name: alpha.shape for name, alpha in model.get_arch_parameters().items()}
    model.set_parameters(read_parameters(folder.arch_h5, shapes))
    yield model


def _alphas(model: ZophNetwork, names_file: str) -> dict[str, np.ndarray]:
    """Return the architecture parameters; of a fixed architecture 1 for what was chosen, else 0."""
    n_candidates, depths = model.n_candidates, model.depths
    names = alpha_names(names_file, n_candidates, depths)
    own = [alpha.d.astype(np.float32) for alpha in model.get_arch_parameters().values()]
    if not own:
        chosen = [entry["index"] for entry in model.decode()["choices"]]
        own = list(np.eye(n_candidates, dtype=np.float32)[chosen])
    return dict(zip(names, own, strict=True))


def _weights(model: ZophNetwork, names_file: str) -> dict[str, np.ndarray]:
    """Return the weights that this network has; a bias that it has not is zero."""
    names = model.names_in(list(parameter_shapes(names_file)))
    pairs = aligned(names_file, {name: shape for name, (shape, _) in names.items()})
    own = model.get_net_parameters()
    found: dict[str, np.ndarray] = {}
    for theirs, listed in pairs.items():
        if listed is None:
            found[theirs] = np.zeros(parameter_shapes(names_file)[theirs], dtype=np.float32)
        elif (mine := names[listed][1]) is not None:
            found[theirs] = own[mine].d.astype(np.float32)
    return found
