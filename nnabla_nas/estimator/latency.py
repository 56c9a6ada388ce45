"""How long an architecture takes for one example: from measured operations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import nnabla as nn
from pydantic import Field

from nnabla_nas.artifact.environment import describe_environment
from nnabla_nas.device.context import choose_device
from nnabla_nas.errors import InputError
from nnabla_nas.estimator.cost_table import CostTable
from nnabla_nas.estimator.estimator import AdditiveEstimator
from nnabla_nas.estimator.latency_file import (
    Latency,
    latencies_to_json,
    operation_key,
    read_latencies,
)
from nnabla_nas.estimator.stopwatch import measure_function
from nnabla_nas.search_space.model import Model

_SHOWN = 3


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


def key_of(function: Any) -> str:
    """Return the key of a function of a graph.

    Args:
        function: the nnabla function.
    """
    shapes: Iterable[Any] = (variable.shape for variable in function.inputs)
    return operation_key(function.info.type_name, function.info.args, shapes)


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
    """Add up latencies that are measured on a device, each operation once at each of its shapes.

    Args:
        context: `auto`, `cudnn`, `cuda` or `cpu`; null: what the run itself computes on.
        n_run: measured runs of each operation.
        n_warmup: runs before them that do not count.
    """

    def __init__(
        self,
        context: Literal["auto", "cudnn", "cuda", "cpu"] | None = None,
        n_run: Annotated[int, Field(ge=1)] = 100,
        n_warmup: Annotated[int, Field(ge=0)] = 10,
    ) -> None:
        super().__init__()
        self.n_run = n_run
        self.n_warmup = n_warmup
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
            "n_run": self.n_run,
            "n_warmup": self.n_warmup,
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
            return super().estimate(model, input_shape)

    def cost_table(self, model: Model, input_shape: Sequence[int]) -> CostTable:
        """Return the latencies of all candidates.

        Args:
            model: the super-network.
            input_shape: (C, H, W) of one example.
        """
        with self._on_device():
            return super().cost_table(model, input_shape)

    def find(self, functions: dict[str, Any]) -> None:
        """Measure functions.

        Args:
            functions: by their keys.

        Raises:
            NasError: if one cannot be run.
        """
        context = self._context or nn.get_current_context()
        for key, function in functions.items():
            self.latencies[key] = measure_function(function, context, self.n_run, self.n_warmup)

    def _on_device(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._context is None else nn.context_scope(self._context)
