"""What every network must satisfy, one to search as well as one to train."""

from __future__ import annotations

import json
import random as python_random
from pathlib import Path
from tempfile import TemporaryDirectory

import nnabla.random
import numpy as np
from PIL import Image

from nnabla_nas.module.parameter_file import write_parameters
from nnabla_nas.search_space.model import Model
from nnabla_nas.testing.connection import (
    Arguments,
    Connection,
    Shape,
    accepted,
    build,
    disturb,
    random_batch,
)
from nnabla_nas.testing.requirement import require, shown


def check_network(network: type[Model], arguments: Arguments, input_shape: Shape) -> None:
    """Check what every network must satisfy.

    Args:
        network: its class.
        arguments: of its constructor.
        input_shape: (C, H, W) of one example.

    Raises:
        AssertionError: with a sentence that says what is violated.
    """
    check_parameters_are_apart(network, arguments)
    check_seed(network, arguments)
    check_loss_and_metrics(network, arguments, input_shape)
    check_judging_leaves_no_trace(network, arguments, input_shape)
    check_decode(network, arguments)
    check_drawing(network, arguments)
    if "weights" in accepted(network, {"weights": None}):
        check_weights_file(network, arguments)


def check_parameters_are_apart(network: type[Model], arguments: Arguments) -> None:
    """Check that architecture parameters and weights are all parameters, without overlap.

    Args:
        network: the network's class.
        arguments: of its constructor.
    """
    model = build(network, arguments)
    arch, net = model.get_arch_parameters(), model.get_net_parameters()
    everything = model.get_parameters()
    weights = {id(parameter) for parameter in net.values()}
    both = [path for path, parameter in arch.items() if id(parameter) in weights]
    require(not both, f"architecture parameters are among the weights: {shown(both)}")
    neither = [path for path in everything if path not in arch and path not in net]
    require(not neither, f"neither architecture parameters nor weights: {shown(neither)}")
    strange = [path for path in (*arch, *net) if path not in everything]
    require(not strange, f"not among get_parameters(): {shown(strange)}")
    listed = {id(parameter) for parameter in arch.values()}
    for path, choice in model.choices().items():
        require(
            id(choice.alpha) in listed,
            f"the architecture parameter of choice '{path}' is not in get_arch_parameters()",
        )


def check_seed(network: type[Model], arguments: Arguments) -> None:
    """Check that initial weights follow the run's seed and no global generator is drawn from.

    Args:
        network: the network's class.
        arguments: of its constructor.
    """
    before = _global_generators()
    first, second, other = (_values(build(network, arguments, seed)) for seed in (0, 0, 1))
    require(before == _global_generators(), "building draws from a global random generator")
    require(first.keys() == second.keys(), "two networks of one seed have other parameters")
    unequal = [path for path in first if not np.array_equal(first[path], second[path])]
    require(not unequal, f"two networks of one seed differ in {shown(unequal)}")
    same = first.keys() == other.keys() and all(
        np.array_equal(first[path], other[path]) for path in first
    )
    require(not same, "two networks of different seeds have the same initial weights")


def check_loss_and_metrics(network: type[Model], arguments: Arguments, input_shape: Shape) -> None:
    """Check that loss and metrics are finite scalars in training and evaluation.

    Args:
        network: the network's class.
        arguments: of its constructor.
        input_shape: (C, H, W) of one example.
    """
    model = build(network, arguments)
    for training in (True, False):
        connection = Connection(model, input_shape, training=training)
        connection.forward(random_batch(input_shape))
        where = "training" if training else "evaluation"
        require("error" in connection.metrics, f"metrics() in {where} gives no 'error'")
        for name, value in {"loss": connection.loss, **connection.metrics}.items():
            require(value.size == 1, f"{name} in {where} has shape {value.shape}; it is a scalar")
            require(np.all(np.isfinite(value.d)), f"{name} in {where} is not finite: {value.d}")
        error = float(np.ravel(connection.metrics["error"].d)[0])
        require(0 <= error <= 1, f"error in {where} is {error}; it lies between 0 and 1")


def check_judging_leaves_no_trace(
    network: type[Model], arguments: Arguments, input_shape: Shape
) -> None:
    """Check that evaluation and the judging of architectures change no parameter.

    Args:
        network: the network's class.
        arguments: of its constructor.
        input_shape: (C, H, W) of one example.
    """
    model = build(network, arguments)
    before = _values(model)
    for what, private in (("evaluation", False), ("judging with batch statistics", True)):
        Connection(model, input_shape, private_statistics=private).forward(
            random_batch(input_shape)
        )
        moved = [path for path, v in _values(model).items() if not np.array_equal(v, before[path])]
        require(not moved, f"{what} changes {shown(moved)}")


def check_decode(network: type[Model], arguments: Arguments) -> None:
    """Check that the architecture can be said in words that JSON holds.

    Args:
        network: the network's class.
        arguments: of its constructor.
    """
    words = build(network, arguments).decode()
    require(isinstance(words, dict), "decode() does not return a dictionary")
    try:
        again = json.loads(json.dumps(words, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"decode() returns what JSON cannot hold: {error}") from error
    require(again == words, "decode() returns values that JSON gives back as others")


def check_drawing(network: type[Model], arguments: Arguments) -> None:
    """Check that a picture and its source are written.

    Args:
        network: the network's class.
        arguments: of its constructor.
    """
    with TemporaryDirectory() as folder:
        png, dot = Path(folder, "arch.png"), Path(folder, "arch.dot")
        said = build(network, arguments).visualize(png, dot)
        require(isinstance(said, str) and said, "visualize() does not say how it drew")
        require(png.is_file(), "visualize() writes no picture")
        with Image.open(png) as picture:
            require(min(picture.size) > 20, f"the picture has {picture.size} pixels")
        require(dot.is_file() and dot.stat().st_size, "visualize() writes no Graphviz source")


def check_weights_file(network: type[Model], arguments: Arguments) -> None:
    """Check that argument `weights` starts from the weights and statistics of a file.

    Args:
        network: the network's class.
        arguments: of its constructor.
    """
    first = build(network, arguments)
    disturb(first)
    saved = first.get_net_parameters()
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "weights.h5"))
        write_parameters(path, saved)
        second = build(network, {**arguments, "weights": path}).get_net_parameters()
    for name, parameter in saved.items():
        require(
            name in second and np.array_equal(second[name].d, parameter.d),
            f"argument 'weights' does not restore '{name}'",
        )


def _values(model: Model) -> dict[str, np.ndarray]:
    return {path: np.array(p.d) for path, p in model.get_parameters().items()}


def _global_generators() -> str:
    states = (python_random.getstate(), np.random.get_state(), nnabla.random.prng.get_state())
    return repr(states)
