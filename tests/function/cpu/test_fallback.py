"""What happens where the compiler is missing, and what dropped graphs leave behind."""

from __future__ import annotations

import gc
from typing import Any

import nnabla as nn
import numpy as np
import pytest
from threadpoolctl import threadpool_info

import nnabla_nas.module as Mo
from nnabla_nas.function import buffers, building, cores


def network() -> Mo.Module:
    return Mo.Sequential(
        Mo.Conv(3, 4, (1, 1), with_bias=False), Mo.BatchNormalization(4, 4), Mo.ReLU()
    )


def image() -> nn.Variable:
    x = nn.Variable((2, 3, 5, 5))
    x.d = np.random.default_rng(0).standard_normal(x.shape)
    return x


def test_without_the_compiler_nnablas_functions_serve(
    monkeypatch: pytest.MonkeyPatch, function_names: Any
) -> None:
    monkeypatch.setattr(building, "has_compiler", lambda: False)
    monkeypatch.setattr(cores, "has_compiler", lambda: False)
    said: list[str] = []
    cores.use_cores(2, said.append)
    assert len(said) == 1
    assert "numba is not installed" in said[0]
    assert "Program" not in function_names(network()(image()))


def test_the_library_of_products_has_one_thread_once_there_are_kernels() -> None:
    network()(image())
    libraries = [info for info in threadpool_info() if info["user_api"] == "blas"]
    assert libraries
    assert all(info["num_threads"] == 1 for info in libraries)


def test_a_graph_dropped_before_its_backward_pass_keeps_nothing() -> None:
    gc.collect()
    before = len(buffers._passes.get()._keepers)
    y = network()(image())
    y.forward()
    assert len(buffers._passes.get()._keepers) == before + 1
    del y
    gc.collect()
    assert len(buffers._passes.get()._keepers) == before
