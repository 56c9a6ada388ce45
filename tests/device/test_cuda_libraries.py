from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nnabla_nas.device.cuda_libraries import preload_cuda_libraries


def some_library() -> Path:
    """Return a shared library this process has loaded already."""
    maps = Path("/proc/self/maps").read_text().split()
    return next(Path(word) for word in maps if "/" in word and "libc.so.6" in word)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nvidia").mkdir()
    monkeypatch.delitem(sys.modules, "nvidia", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "nvidia"


def put(packages: Path, package: str, name: str, source: Path | None) -> None:
    target = packages / package / "lib" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source is None:
        target.write_bytes(b"not a library")
    else:
        # The same file is the same library to the loader, which only counts it once more.
        target.symlink_to(source)


def test_libraries_are_loaded_in_the_order_of_their_needs(packages: Path) -> None:
    libc = some_library()
    put(packages, "cudnn", "libcudnn.so.8", libc)
    put(packages, "cublas", "libcublas.so.12", libc)
    put(packages, "cublas", "libcublasLt.so.12", libc)
    put(packages, "cuda_runtime", "libcudart.so.12", libc)
    assert preload_cuda_libraries() == [
        "libcudart.so.12",
        "libcublasLt.so.12",
        "libcublas.so.12",
        "libcudnn.so.8",
    ]


def test_a_library_that_cannot_be_loaded_is_left_to_the_extension(packages: Path) -> None:
    put(packages, "cuda_runtime", "libcudart.so.12", None)
    put(packages, "curand", "libcurand.so.10", some_library())
    assert preload_cuda_libraries() == ["libcurand.so.10"]


def test_without_the_packages_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "nvidia", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert preload_cuda_libraries() == []
