"""Registries map public names to classes, so that an experiment's JSON can choose them.

A name of ours is declared with the place of its class, which is imported on first use: names can
be listed and checked without importing nnabla. A user registers a class of their own with a
decorator and names it `package.module:name` in the JSON; the module is imported first.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from nnabla_nas.errors import InputError

_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[^\s:]+")

T = TypeVar("T")


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest allowed name, or an empty string.

    Args:
        name: what was got.
        allowed: what would have been right.
    """
    lowered = {candidate.lower(): candidate for candidate in allowed}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""


@dataclass(frozen=True)
class Entry:
    """One registered name.

    Args:
        name: the public name.
        summary: one line for listings.
        target: the class, or its place as `module:attribute`.
        searches: for runners: whether it searches (True) or trains (False).
    """

    name: str
    summary: str
    target: Any
    searches: bool = False

    def load(self) -> Any:
        """Import and return what the name stands for."""
        if not isinstance(self.target, str):
            return self.target
        module, attribute = self.target.split(":")
        return getattr(importlib.import_module(module), attribute)


class Registry:
    """Names of one kind of thing and the classes they stand for.

    Args:
        kind: what the names stand for, as messages call it, for example `search space`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def declare(self, name: str, target: str, summary: str, searches: bool = False) -> None:
        """Add a name whose class is imported on first use.

        Args:
            name: the public name.
            target: the place of the class, `module:attribute`.
            summary: one line for listings.
            searches: for runners: whether it searches.
        """
        self._entries[name] = Entry(name, summary, target, searches)

    def register(self, name: str) -> Callable[[T], T]:
        """Return a class decorator that adds the class under `name`.

        Args:
            name: the public name; a name that is taken raises ValueError.
        """

        def add(target: T) -> T:
            if name in self._entries and self._entries[name].target is not target:
                raise ValueError(f"a {self.kind} named '{name}' is registered already")
            lines = (getattr(target, "__doc__", None) or "").strip().splitlines()
            searches = bool(getattr(target, "searches", False))
            self._entries[name] = Entry(name, lines[0] if lines else "", target, searches)
            return target

        return add

    def names(self) -> list[str]:
        """Return the registered names, sorted."""
        return sorted(self._entries)

    def fault(self, name: str) -> str | None:
        """Return what is wrong with a name, or None; imports nothing.

        Args:
            name: a registered name, or `package.module:name`, which is only checked for its form.
        """
        if name in self._entries or _IMPORT_PATH.fullmatch(name):
            return None
        known = ", ".join(self.names())
        return f"unknown {self.kind} '{name}'; allowed: {known}{did_you_mean(name, self.names())}"

    def entry(self, name: str) -> Entry:
        """Return the entry of a name, importing the module of `package.module:name` first.

        Args:
            name: a registered name or `package.module:name`.

        Returns:
            The entry.

        Raises:
            InputError: if nothing is registered under the name.
        """
        if name not in self._entries and _IMPORT_PATH.fullmatch(name):
            module, name = name.split(":")
            try:
                importlib.import_module(module)
            except ImportError as error:
                raise InputError(
                    f"cannot import '{module}' for {self.kind} '{name}': {error} (is its folder "
                    "on PYTHONPATH?)"
                ) from error
        fault = self.fault(name)
        if fault is not None:
            raise InputError(fault)
        return self._entries[name]

    def get(self, name: str) -> Any:
        """Return the class a name stands for, importing it on first use.

        Args:
            name: a registered name or `package.module:name`.

        Raises:
            InputError: if nothing is registered under the name.
        """
        return self.entry(name).load()


search_spaces = Registry("search space")
runners = Registry("algorithm")
datasets = Registry("data set")
estimators = Registry("estimator")
solvers = Registry("solver")
lr_schedulers = Registry("learning-rate scheduler")

register_search_space = search_spaces.register
register_runner = runners.register
register_dataset = datasets.register
register_estimator = estimators.register

search_spaces.declare(
    "mobilenet",
    "nnabla_nas.search_space.mobilenet:Mobilenet",
    "chain of inverted residuals; each block chooses expansion, kernel or to be skipped",
)
search_spaces.declare(
    "darts",
    "nnabla_nas.search_space.darts:Darts",
    "stack of cells; every edge of the normal and of the reduction cell chooses an operation",
)
search_spaces.declare(
    "pnas",
    "nnabla_nas.search_space.pnas:Pnas",
    "stack of cells; every edge of every cell chooses an operation of its own",
)
search_spaces.declare(
    "random_wired",
    "nnabla_nas.search_space.random_wired:RandomWired",
    "random graph of convolutions and poolings; drawn from the seed, not searched",
)
search_spaces.declare(
    "zoph",
    "nnabla_nas.search_space.zoph:Zoph",
    "cells of blocks that see all blocks before them; each block chooses its operation",
)

runners.declare(
    "DartsSearcher",
    "nnabla_nas.runner.searcher.darts:DartsSearcher",
    "weights all candidates at once; architecture parameters learn by gradient descent",
    searches=True,
)

runners.declare(
    "ProxylessNasSearcher",
    "nnabla_nas.runner.searcher.proxyless_nas:ProxylessNasSearcher",
    "samples one path per step; architecture parameters learn by REINFORCE or binary gates",
    searches=True,
)
runners.declare(
    "Trainer",
    "nnabla_nas.runner.trainer:Trainer",
    "trains one architecture from scratch",
)

datasets.declare(
    "digits", "nnabla_nas.dataset.digits:Digits", "1,797 grey 8x8 digits, part of scikit-learn"
)
datasets.declare(
    "synthetic",
    "nnabla_nas.dataset.synthetic:Synthetic",
    "textures drawn from the seed, of any shape and number of classes",
)
datasets.declare(
    "cifar10",
    "nnabla_nas.dataset.cifar10:Cifar10",
    "60,000 colour 32x32 photographs in 10 classes; downloaded",
)
datasets.declare(
    "cifar100",
    "nnabla_nas.dataset.cifar100:Cifar100",
    "60,000 colour 32x32 photographs in 100 classes; downloaded",
)
datasets.declare(
    "fashion_mnist",
    "nnabla_nas.dataset.fashion_mnist:FashionMnist",
    "70,000 grey 28x28 pictures of clothes; Debian's package, or downloaded",
)
datasets.declare(
    "folder",
    "nnabla_nas.dataset.folder:Folder",
    "images of your own: one folder per class, a CSV file or an npz file",
)
datasets.declare(
    "imagenet",
    "nnabla_nas.dataset.imagenet:Imagenet",
    "1.3 million colour photographs, 224x224, or others of your own; read when needed",
)

estimators.declare(
    "ParameterEstimator",
    "nnabla_nas.estimator.parameter:ParameterEstimator",
    "trainable scalars of the active path",
)
estimators.declare(
    "MemoryEstimator",
    "nnabla_nas.estimator.parameter:ParameterEstimator",
    "older name of ParameterEstimator",
)
estimators.declare(
    "FLOPsEstimator",
    "nnabla_nas.estimator.flops:FLOPsEstimator",
    "multiply-adds of the active path for one example",
)
estimators.declare(
    "ActivationMemoryEstimator",
    "nnabla_nas.estimator.activation_memory:ActivationMemoryEstimator",
    "bytes of activations alive at once in inference; reported, not searched by",
)
estimators.declare(
    "LatencyEstimator",
    "nnabla_nas.estimator.latency:LatencyEstimator",
    "ms for one example: the sum of its operations, measured on a device when the run starts",
)
estimators.declare(
    "LatencyTable",
    "nnabla_nas.estimator.latency:LatencyTable",
    "ms for one example: the sum of its operations, from a table measured elsewhere",
)

for _name in (
    "AMSBound",
    "AMSGRAD",
    "AdaBelief",
    "AdaBound",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lamb",
    "Lars",
    "Lion",
    "Momentum",
    "Nesterov",
    "RMSprop",
    "RMSpropGraves",
    "Sgd",
    "SgdW",
):
    solvers.declare(_name, f"nnabla.solvers:{_name}", f"nnabla.solvers.{_name}")

for _name in ("Cosine", "Exponential", "LinearWarmup", "Polynomial", "Step"):
    lr_schedulers.declare(
        f"{_name}Scheduler",
        f"nnabla.utils.learning_rate_scheduler:{_name}Scheduler",
        f"nnabla.utils.learning_rate_scheduler.{_name}Scheduler",
    )
