"""Measuring how long nnabla takes on a device."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import nnabla as nn
import numpy as np

from nnabla_nas import random
from nnabla_nas.errors import NasError
from nnabla_nas.estimator.latency_file import Latency


def measure_function(function: Any, context: nn.Context, n_run: int, n_warmup: int) -> Latency:
    """Run one function of a graph alone, on inputs of its own.

    Args:
        function: the nnabla function; it was made in `context`. Its graph is not usable afterwards.
        context: the device.
        n_run: runs that count.
        n_warmup: runs before them.

    Raises:
        NasError: if it cannot be run.
    """
    generator = random.Streams(0).derived("latency")
    inputs = [nn.Variable(variable.shape) for variable in function.inputs]
    for variable in inputs:
        # Positive, as a variance must be.
        variable.d = generator.uniform(0.5, 1.5, variable.shape)
    outputs = [nn.Variable(variable.shape) for variable in function.outputs]
    try:
        with nn.context_scope(context):
            function.setup(inputs, outputs)
            return measure(lambda: function.forward(inputs, outputs), context, n_run, n_warmup)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise NasError(f"{function.info.type_name} could not be measured: {reason}") from error


def measure(run: Callable[[], Any], context: nn.Context, n_run: int, n_warmup: int) -> Latency:
    """Return the median of a few runs, which outliers do not move, and the quartiles' distance.

    Args:
        run: does once what is measured.
        context: the device; a GPU is waited for.
        n_run: runs that count.
        n_warmup: runs before them.
    """
    wait = _waiting(context)
    for _ in range(n_warmup):
        run()
    wait()
    times = []
    for _ in range(n_run):
        start = time.perf_counter()
        run()
        wait()
        times.append((time.perf_counter() - start) * 1000)
    low, median, high = np.percentile(times, [25, 50, 75])
    return Latency(float(median), float(high - low))


def _waiting(context: nn.Context) -> Callable[[], None]:
    """Return what waits until the device has done what it was asked to."""
    if not any("cuda" in backend or "cudnn" in backend for backend in context.backend):
        return lambda: None
    extension = importlib.import_module("nnabla_ext.cuda")
    return lambda: extension.synchronize(context.device_id)
