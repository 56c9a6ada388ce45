"""How long an architecture takes for one example: from measured operations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import nnabla as nn
from pydantic import Field

from nnabla_nas.artifact.environment import describe_environment
from nnabla_nas.device.context import choose_device
from nnabla_nas.errors import InputError, NasError
from nnabla_nas.estimator.cost_table import CostTable
from nnabla_nas.estimator.decomposition import functions_of
from nnabla_nas.estimator.estimator import AdditiveEstimator
from nnabla_nas.estimator.latency_file import (
    Latency,
    key_of,
    latencies_to_json,
    read_latencies,
)
from nnabla_nas.estimator.measurable_network import (
    build_measurable,
    covering_networks,
    random_networks,
)
from nnabla_nas.estimator.stopwatch import Stopwatch
from nnabla_nas.search_space.model import Model

_SHOWN = 3
# Where its arrays lie in memory decides a few per cent of a network's latency.
_GRAPHS = 3


class _SummedLatency(AdditiveEstimator):
    """The sum of the latencies of all functions."""

    unit = "ms"

    def __init__(self) -> None:
        self.latencies: dict[str, Latency] = {}

    def cost_of(self, functions: Sequence[Any], model: Model) -> float:
        """Return the sum of the functions' latencies, in ms.

        Args:
            functions: nnabla functions of a graph for one example.
            model: the network they are part of.
        """
        keys = [key_of(function) for function in functions]
        missing = {k: f for k, f in zip(keys, functions, strict=True) if k not in self.latencies}
        if missing:
            self.find(missing)
        return sum(self.latencies[key].median for key in keys)

    @abstractmethod
    def find(self, functions: dict[str, Any]) -> None:
        """Add the latencies of functions that are not known yet.

        Args:
            functions: by their keys.
        """


class LatencyTable(_SummedLatency):
    """Add up the latencies of a table that was measured elsewhere.

    Args:
        path: the JSON file, as `python -m nnabla_nas profile` writes it.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self.latencies = read_latencies(path)

    def find(self, functions: dict[str, Any]) -> None:
        """Refuse: what the table lacks is not known.

        Args:
            functions: by their keys.

        Raises:
            InputError: that names some of them.
        """
        shown = "; ".join(list(functions)[:_SHOWN])
        raise InputError(
            f"{self._path}: lacks {len(functions)} operations of this network, such as {shown}; "
            "measure them by python -m nnabla_nas profile with this experiment"
        )


class LatencyEstimator(_SummedLatency):
    """Add up latencies that are measured on a device, of each operation at each of its shapes.

    Operations are timed inside whole networks, between their neighbours.

    Args:
        context: `auto`, `cudnn`, `cuda` or `cpu`; null: what the run itself computes on.
        n_run: measured runs of each operation.
        n_warmup: runs before them that do not count.

    Attributes:
        stopwatch: what measures.
    """

    def __init__(
        self,
        context: Literal["auto", "cudnn", "cuda", "cpu"] | None = None,
        n_run: Annotated[int, Field(ge=1)] = 100,
        n_warmup: Annotated[int, Field(ge=0)] = 10,
    ) -> None:
        super().__init__()
        self.stopwatch = Stopwatch(n_run, n_warmup)
        device = None if context is None else choose_device(context, "-1", "float")
        self._context = None if device is None else device.context
        self._description = "that of the run" if device is None else device.description

    def read(self, path: str | Path) -> None:
        """Take over what was measured before, so that it is not measured anew.

        Args:
            path: a table that this class wrote.
        """
        self.latencies |= read_latencies(path)

    def to_json(self) -> dict[str, Any]:
        """Return the table measured so far, with device, versions and time."""
        context = self._context or nn.get_current_context()
        about = {
            "device": self._description,
            "backend": list(context.backend),
            "n_run": self.stopwatch.n_run,
            "n_warmup": self.stopwatch.n_warmup,
            "environment": describe_environment(),
        }
        return latencies_to_json(self.latencies, about)

    def estimate(self, model: Model, input_shape: Sequence[int]) -> float:
        """Return the latency of the active architecture, in ms.

        Args:
            model: the network.
            input_shape: (C, H, W) of one example.
        """
        with self._on_device():
            output = build_measurable(model, input_shape)
            self._know([output])
            return self.cost_of(functions_of(output), model)

    def cost_table(self, model: Model, input_shape: Sequence[int]) -> CostTable:
        """Return the latencies of all candidates.

        Args:
            model: the super-network.
            input_shape: (C, H, W) of one example.

        Raises:
            NasError: if an operation cannot be run.
        """
        with self._on_device():
            self._know(covering_networks(model, input_shape))
            return super().cost_table(model, input_shape)

    def compare(
        self, model: Model, input_shape: Sequence[int], n: int, seed: int = 0
    ) -> list[tuple[float, Latency]]:
        """Measure all operations of a search space in turn with whole networks of it.

        Args:
            model: the super-network.
            input_shape: (C, H, W) of one example.
            n: how many networks, drawn at random.
            seed: of the draw.

        Returns:
            Per network the sum over its operations, in ms, and the latency of the whole.

        Raises:
            NasError: if an operation cannot be run.
        """
        with self._on_device():
            networks = random_networks(model, input_shape, n, seed)
            whole = self._measure(covering_networks(model, input_shape), networks)
            self._know(networks)
            sums = [self.cost_of(functions_of(one), model) for one in networks]
        return list(zip(sums, whole, strict=True))

    def measure_whole(self, model: Model, input_shape: Sequence[int]) -> Latency:
        """Measure the active architecture from beginning to end; the slowest of a few graphs.

        Args:
            model: the network.
            input_shape: (C, H, W) of one example.

        Raises:
            NasError: if an operation cannot be run.
        """
        with self._on_device():
            graphs = [build_measurable(model, input_shape) for _ in range(_GRAPHS)]
            whole = self._measure([], graphs)
        return max(whole, key=lambda one: one.cautious)

    def find(self, functions: dict[str, Any]) -> None:
        """Refuse: networks are measured before their operations are added up.

        Args:
            functions: by their keys.

        Raises:
            NasError: that names one of them.
        """
        raise NasError(
            f"LatencyEstimator: no network of the search space has the operation "
            f"{next(iter(functions))}, so that it was not measured"
        )

    def _know(self, networks: Sequence[nn.Variable]) -> None:
        """Measure the operations of some networks, unless all are known."""
        keys = {key_of(function) for one in networks for function in functions_of(one)}
        if not keys <= self.latencies.keys():
            self._measure(networks)

    def _measure(
        self, inside: Sequence[nn.Variable], whole: Sequence[nn.Variable] = ()
    ) -> list[Latency]:
        """Add what was not known of operations inside some networks; time others as a whole."""
        context = self._context or nn.get_current_context()
        timing = self.stopwatch.measure(context, inside, whole)
        self.latencies = {**timing.operations, **self.latencies}
        return timing.networks

    def _on_device(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._context is None else nn.context_scope(self._context)
