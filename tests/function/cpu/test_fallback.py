"""What happens where the compiler is missing, and what dropped graphs leave behind."""

from __future__ import annotations

import gc
import importlib
import os
import shutil
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher
from threadpoolctl import threadpool_info

import nnabla_nas.module as Mo
from nnabla_nas.function import buffers, building, cores
from nnabla_nas.function.cpu import compilation, readiness


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
    before = len(buffers._keepers)
    y = network()(image())
    y.forward()
    assert len(buffers._keepers) == before + 1
    del y
    gc.collect()
    assert len(buffers._keepers) == before


def test_every_version_of_the_kernels_has_its_own_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    code = tmp_path / "code"
    code.mkdir()
    monkeypatch.setattr(compilation, "__file__", str(code / "compilation.py"))
    folders = []
    for text in ("one", "two", "one"):
        (code / "lanes.py").write_text(f"from numba import {text}")
        (code / "program.py").write_text(f"import os  # {len(folders)}")
        folders.append(compilation.cache_folder())
    assert folders[0] == folders[2] != folders[1]
    assert all(folder is not None and folder.is_dir() for folder in folders)


def test_an_edit_of_any_kernel_makes_another_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = Path(compilation.__file__).parent
    homes = {"compilation", "lanes", "readiness"}
    for path in source.glob("*.py"):
        module = importlib.import_module(f"nnabla_nas.function.cpu.{path.stem}")
        homes |= {
            value.py_func.__module__.rpartition(".")[2]
            for value in vars(module).values()
            if isinstance(value, Dispatcher)
        }
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(compilation, "__file__", str(tmp_path / "compilation.py"))
    version = compilation._code()
    for path in sorted(tmp_path.glob("*.py")):
        text = path.read_text()
        path.write_text(f"{text}# edited\n")
        assert (compilation._code() != version) == (path.stem in homes), path.stem
        path.write_text(text)


def test_old_versions_of_the_kernels_are_deleted(tmp_path: Path) -> None:
    for age, name in enumerate(["newest", "new", "old", "oldest"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / "mine").mkdir()
    os.utime(tmp_path / "mine", (1, 1))
    readiness._forget_old(tmp_path / "mine")
    assert {one.name for one in tmp_path.iterdir()} == {"mine", "newest", "new"}


def test_kernels_are_compiled_by_another_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mark, ran = tmp_path / "compiled", []
    monkeypatch.setattr(readiness, "_mark", lambda: mark)
    monkeypatch.setattr(readiness, "run_all", lambda: ran.append(1))
    monkeypatch.setattr(readiness.subprocess, "run", lambda *_, **__: mark.touch())
    readiness.compile_all()
    assert not ran
    # Where that fails, or nothing can be kept, this one compiles them.
    mark.unlink()
    monkeypatch.setattr(readiness.subprocess, "run", lambda *_, **__: None)
    readiness.compile_all()
    monkeypatch.setattr(readiness, "_mark", lambda: None)
    readiness.compile_all()
    assert len(ran) == 2
