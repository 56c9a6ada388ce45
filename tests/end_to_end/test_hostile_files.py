"""Files made to do harm: refused in one line, quickly, and with little memory."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import resource
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nnabla_nas.artifact.state_file import read_state
from nnabla_nas.cli import main
from nnabla_nas.errors import WeightsError
from nnabla_nas.module.parameter_file import parameter_shapes, read_parameters

GIGABYTE = 2**30


def peak(action: Callable[[], Any]) -> int:
    """Return how many bytes of memory an action takes at most in a process of its own."""
    receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)

    def measure() -> None:
        signal.alarm(60)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        action()
        sender.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        os._exit(0)

    child = multiprocessing.get_context("fork").Process(target=measure)
    child.start()
    child.join()
    assert child.exitcode == 0
    return int(receiver.recv()) * 1024


def loop(file: h5py.File) -> None:
    group = file.create_group("a")
    # Two links back: without a memory of what was seen there are 2^depth paths.
    group["b"] = file["/"]
    group["c"] = file["/"]


def chain(file: h5py.File) -> None:
    group = file
    for _ in range(200):
        group = group.create_group("g")


def declared(file: h5py.File) -> None:
    file.create_dataset("x", shape=(10**9,), dtype=np.float32, chunks=(10**6,))


def bomb(file: h5py.File) -> None:
    file.create_dataset("x", (1,), np.float32, maxshape=(None,), chunks=(2**26,), compression=9)


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((1,), np.float32)
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(1,))
    file.create_virtual_dataset("x", layout)


def external(file: h5py.File) -> None:
    file.create_dataset("x", (1,), np.float32, external=[("/etc/passwd", 0, 4)])


def outside(file: h5py.File) -> None:
    file["x"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft(file: h5py.File) -> None:
    file["x"] = h5py.SoftLink("/x")


def twice(file: h5py.File) -> None:
    file["x"] = np.ones(1, np.float32)
    file["y"] = file["x"]


def typed(file: h5py.File) -> None:
    file["x"] = np.dtype("f4")


HOSTILE = (loop, chain, bomb, virtual, external, outside, soft, twice, typed)


@pytest.mark.parametrize("make", [*HOSTILE, declared])
def test_parameter_files(tmp_path: Path, make: Callable[[h5py.File], None]) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        make(file)

    def read() -> None:
        with pytest.raises(WeightsError, match=r"weights\.h5") as caught:
            read_parameters(path, {"x": (1,)})
        assert "\n" not in str(caught.value)
        if make is not declared:
            with pytest.raises(WeightsError):
                parameter_shapes(path)

    assert peak(read) < GIGABYTE / 8


def npz(folder: Path, content: Callable[[zipfile.ZipFile], None], packing: int = 0) -> None:
    with zipfile.ZipFile(folder / "arrays.npz", "w", packing) as archive:
        content(archive)
    (folder / "state.json").write_text('{"x": {"__array__": "a0"}}')


def header(shape: tuple[int, ...], descr: str) -> bytes:
    stream = io.BytesIO()
    value = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, value)
    return stream.getvalue()


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("kind", ["declared", "enormous", "packed", "objects", "version"])
def test_archives_of_arrays(tmp_path: Path, kind: str) -> None:
    def write(archive: zipfile.ZipFile) -> None:
        stream = io.BytesIO()
        if kind == "objects":
            np.save(stream, np.array([Evil(tmp_path / "proof")]), allow_pickle=True)
        elif kind == "packed":
            np.save(stream, np.zeros(10**7, np.float64))
        elif kind == "version":
            np.lib.format.write_array(stream, np.zeros(2), version=(2, 0))
        else:
            n = 10**9 if kind == "declared" else 10**15
            stream.write(header((n,), "<f4") + bytes(8))
        archive.writestr("a0.npy", stream.getvalue())

    npz(tmp_path, write, zipfile.ZIP_DEFLATED if kind == "packed" else zipfile.ZIP_STORED)

    def read() -> None:
        with pytest.raises(ValueError, match=r"a0"):
            read_state(tmp_path)

    assert peak(read) < GIGABYTE / 8
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "[]", '{"x": {"__array__": "b"}}', "{", "\xff"]
)
def test_trees(tmp_path: Path, text: str) -> None:
    npz(tmp_path, lambda archive: None)
    (tmp_path / "state.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"damaged|not a state"):
        read_state(tmp_path)


def test_a_tree_of_100_megabytes(tmp_path: Path) -> None:
    npz(tmp_path, lambda archive: None)
    with (tmp_path / "state.json").open("wb") as file:
        file.truncate(10**8)

    def read() -> None:
        with pytest.raises(ValueError, match="larger"):
            read_state(tmp_path)

    assert peak(read) < GIGABYTE / 16


TEXTS = {
    "nesting": ('{"epoch": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested"),
    "objects": ('{"a":' * 100_000, "nested"),
    "duplicates": ('{"epoch": 1, "epoch": 2}', "epoch"),
    "not a number": ('{"epoch": NaN}', "epoch"),
    "infinite": ('{"epoch": 1e400}', "epoch"),
    "digits": ('{"epoch": 1' + "0" * 400 + "}", "epoch"),
    "large": (" " * 10**8, "larger"),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("what", ["experiment", "genotype"])
def test_json(
    tmp_path: Path,
    search_json: dict[str, Any],
    capfd: pytest.CaptureFixture[str],
    name: str,
    what: str,
) -> None:
    text, word = TEXTS[name]
    path = tmp_path / "hostile.json"
    path.write_text(text)
    config = path
    if what == "genotype":
        config = tmp_path / "experiment.json"
        search_json |= {"algorithm": "Trainer"}
        search_json["network"]["genotype"] = str(path)
        config.write_text(json.dumps(search_json))
        word = "hostile.json"

    def attempt() -> None:
        assert main(["-f", str(config), "-o", str(tmp_path / "out")]) == 2

    assert peak(attempt) < GIGABYTE / 2
    error = capfd.readouterr().err
    assert word in error
    assert "Traceback" not in error
    assert all(line.startswith("error: ") for line in error.splitlines() if "INFO" not in line)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["genotype", "weights"])
@pytest.mark.parametrize("kind", ["text", "declared", "loop"])
def test_a_training_from_a_hostile_file_is_refused(
    tmp_path: Path,
    search_json: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    key: str,
    kind: str,
) -> None:
    path = tmp_path / "hostile.h5"
    if kind == "text":
        path.write_text("no HDF5")
    else:
        with h5py.File(path, "w") as file:
            {"declared": declared, "loop": loop}[kind](file)
    search_json |= {"algorithm": "Trainer"}
    search_json["network"][key] = str(path)
    config = tmp_path / "experiment.json"
    config.write_text(json.dumps(search_json))
    assert main(["-f", str(config), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "hostile.h5" in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()
