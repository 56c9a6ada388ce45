"""What every search space must satisfy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.module.parameter_file import write_parameters
from nnabla_nas.registry import search_spaces
from nnabla_nas.search_space.model import Model
from nnabla_nas.search_space.random_architectures import scatter_alphas
from nnabla_nas.testing.connection import Arguments, Shape, accepted, build
from nnabla_nas.testing.gradient_contract import check_gradients, check_no_idle_tensor
from nnabla_nas.testing.network_contract import check_network
from nnabla_nas.testing.requirement import require
from nnabla_nas.testing.search_network_contract import check_search_network

GENOTYPES = ("arch.h5", "arch.json")
_SEARCHES = 3


def check_search_space(
    space: Any,
    arguments: Arguments,
    input_shape: Shape,
    *,
    train_arguments: Arguments | None = None,
    genotypes: Sequence[str] = GENOTYPES,
) -> None:
    """Check a search space: its networks, and the way from one to the other.

    Args:
        space: the class with `SearchNet` and `TrainNet`, or its registered name.
        arguments: of SearchNet; choose small ones, for every check builds networks anew.
        input_shape: (C, H, W) of one example.
        train_arguments: of TrainNet; by default those of `arguments` that it takes.
        genotypes: which files of a search TrainNet reads as its `genotype`.

    Raises:
        AssertionError: with a sentence that says what is violated.
    """
    space = search_spaces.get(space) if isinstance(space, str) else space
    search, train = getattr(space, "SearchNet", None), getattr(space, "TrainNet", None)
    if train is None:
        raise AssertionError("a search space has a TrainNet, the network that is trained")
    if train_arguments is None:
        train_arguments = accepted(train, arguments)
    check_network(train, train_arguments, input_shape)
    check_gradients(train, train_arguments, input_shape)
    check_no_idle_tensor(train, train_arguments, input_shape)
    if search is None:
        return
    check_network(search, arguments, input_shape)
    check_search_network(search, arguments, input_shape)
    if "genotype" in accepted(train, {"genotype": None}):
        check_genotypes(search, arguments, train, train_arguments, genotypes)
        check_costs(search, arguments, train, train_arguments, input_shape, genotypes)


def check_genotypes(
    search: type[Model],
    arguments: Arguments,
    train: type[Model],
    train_arguments: Arguments,
    genotypes: Sequence[str] = GENOTYPES,
) -> None:
    """Check that what a search decodes is what is built from its files, and decodes to the same.

    Args:
        search: the class of the network to search.
        arguments: of its constructor.
        train: the class of the network to train.
        train_arguments: of its constructor, without `genotype`.
        genotypes: which files of a search it reads.
    """
    for searched in _searched(search, arguments):
        _check_genotypes_of(searched, train, train_arguments, genotypes)


def _check_genotypes_of(
    searched: Model, train: type[Model], arguments: Arguments, genotypes: Sequence[str]
) -> None:
    found = _words(searched.decode())
    built = {
        name: model.decode()
        for name, model in _trained(searched, train, arguments, genotypes).items()
    }
    for name, decoded in built.items():
        words = _words(decoded)
        both = found.keys() & words.keys()
        require(both, f"SearchNet and TrainNet describe architectures by different words: {name}")
        for key in sorted(both):
            require(
                found[key] == words[key],
                f"the network built from {name} says other '{key}' than the search that wrote it",
            )
    first, *others = built
    for name in others:
        require(built[name] == built[first], f"{first} and {name} give different networks")
    if "arch.json" in genotypes:
        again = _from_words(built[first], train, arguments).decode()
        require(again == built[first], "a network built from its own decode() decodes to another")


def check_costs(
    search: type[Model],
    arguments: Arguments,
    train: type[Model],
    train_arguments: Arguments,
    input_shape: Shape,
    genotypes: Sequence[str] = GENOTYPES,
) -> None:
    """Check that parameters and multiply-adds of a decoded network are those of the one built.

    Args:
        search: the class of the network to search.
        arguments: of its constructor.
        train: the class of the network to train.
        train_arguments: of its constructor, without `genotype`.
        input_shape: (C, H, W) of one example.
        genotypes: which files of a search it reads.
    """
    for searched in _searched(search, arguments):
        derived = searched.derived()
        (trained,) = _trained(searched, train, train_arguments, genotypes[:1]).values()
        for estimator in (ParameterEstimator(), FLOPsEstimator()):
            expected = estimator.estimate(trained, input_shape)
            found = estimator.estimate(derived, input_shape)
            require(
                found == expected,
                f"the decoded network has {found:,} {estimator.unit}, the one built from it "
                f"{expected:,}",
            )


def _searched(search: type[Model], arguments: Arguments) -> Iterator[Model]:
    """Yield networks as different searches might leave them."""
    for seed in range(_SEARCHES):
        searched = build(search, arguments)
        scatter_alphas(searched, seed)
        yield searched


def _trained(
    searched: Model, train: type[Model], arguments: Arguments, genotypes: Sequence[str]
) -> dict[str, Model]:
    """Write the files of a search and build the network of each."""
    with TemporaryDirectory() as folder:
        write_parameters(Path(folder, "arch.h5"), searched.get_arch_parameters())
        Path(folder, "arch.json").write_text(json.dumps(searched.decode()), encoding="utf-8")
        paths = {name: str(Path(folder, name)) for name in genotypes}
        return {name: build(train, {**arguments, "genotype": path}) for name, path in paths.items()}


def _from_words(words: dict[str, Any], train: type[Model], arguments: Arguments) -> Model:
    with TemporaryDirectory() as folder:
        path = Path(folder, "arch.json")
        path.write_text(json.dumps(words), encoding="utf-8")
        return build(train, {**arguments, "genotype": str(path)})


def _words(decoded: Any) -> Any:
    """Leave out what only a search knows: probabilities and runners-up."""
    if isinstance(decoded, dict):
        return {
            key: _words(value)
            for key, value in decoded.items()
            if "prob" not in key and not key.startswith("runner_up")
        }
    return [_words(value) for value in decoded] if isinstance(decoded, list) else decoded
