"""Files of a run that changed after it ended: nothing reads them as if they were what it wrote."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from nnabla_nas.cli import main

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "damage.py"
READERS = {
    "evaluate": ["evaluate", "{run}"],
    "predict": ["predict", "{run}", "{run}/picture.png"],
    "export": ["export", "{run}", "--format", "nnp"],
}


@pytest.fixture
def sealed(trained_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of a finished training with its hashes, and a picture in it."""
    run = Path(shutil.copytree(trained_folder, tmp_path / "run"))
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(run / "picture.png")
    return run


def read(reader: str, run: Path) -> int:
    return main([word.format(run=run) for word in READERS[reader]])


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def spoil(path: Path, value: float) -> None:
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "dtype") else None)
        file[names[0]][...] = value


@pytest.mark.parametrize("name", ["weights.h5", "config.json", "arch.json", "result.json"])
@pytest.mark.parametrize("reader", READERS)
def test_a_flipped_bit_is_named_by_whatever_reads_the_run(
    sealed: Path, reader: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sealed / name
    flip(path, 8 * (path.stat().st_size // 2) + 1)
    before = sorted(sealed.iterdir())
    assert read(reader, sealed) == 1
    out, error = capsys.readouterr()
    assert not out
    assert error.count("\n") == 1
    assert f"{path}: damaged or changed since the run wrote it" in error
    assert sorted(sealed.iterdir()) == before


def test_twenty_of_the_flips_that_the_benchmark_does_more_of(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("damage", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    damage = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "damage", damage)
    spec.loader.exec_module(damage)
    counts = damage.flips(sealed, 20, random.Random(0))
    # A bit of the list may be one of a file that `evaluate` does not read.
    assert set(counts) <= {"refused by name", "same figures"}
    assert counts["refused by name"] >= 17
    assert read("evaluate", sealed) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("reader", READERS)
def test_weights_that_are_not_finite_are_refused_also_without_hashes(
    sealed: Path, reader: str, value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    (sealed / "SHA256SUMS").unlink()
    spoil(sealed / "weights.h5", value)
    assert read(reader, sealed) == 1
    out, error = capsys.readouterr()
    assert not out
    assert error.count("\n") == 1
    assert "weights.h5" in error
    assert "not finite" in error


@pytest.mark.parametrize("reader", ["evaluate", "predict"])
def test_outputs_that_are_not_finite_are_no_figures(
    trained_copy: Path, reader: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(trained_copy / "picture.png")
    with h5py.File(trained_copy / "weights.h5", "r+") as file:

        def enlarge(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                item[...] = 3e38

        file.visititems(enlarge)
    assert read(reader, trained_copy) == 1
    out, error = capsys.readouterr()
    assert not out
    assert "weights.h5: the network's outputs are not finite" in error


@pytest.mark.parametrize("key", ["weights", "genotype"])
def test_a_damaged_file_of_a_run_is_not_trained_from(
    sealed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    path = sealed / ("weights.h5" if key == "weights" else "arch.json")
    flip(path, 8 * (path.stat().st_size // 2) + 1)
    flags = ["-f", str(tmp_path / "again.json"), "-x", f"network.{key}={path}"]
    shutil.copy(sealed / "config.json", tmp_path / "again.json")
    assert main([*flags, "-o", str(tmp_path / "again")]) == 1
    assert f"{path}: damaged or changed" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_the_list_is_one_that_sha256sum_checks_and_a_damaged_one_is_named(
    sealed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = {line.split()[1] for line in (sealed / "SHA256SUMS").read_text().splitlines()}
    written = {"config.json", "arch.json", "weights.h5", "trajectory.csv", "result.json"}
    assert listed == written
    if shutil.which("sha256sum"):
        command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
        subprocess.run(command, cwd=sealed, check=True)
    (sealed / "SHA256SUMS").write_text("nothing\n")
    assert read("evaluate", sealed) == 1
    assert "SHA256SUMS: damaged" in capsys.readouterr().err


def test_a_finished_run_that_was_damaged_is_not_called_finished(
    finished_copy: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, run = finished_copy
    flip(run / "weights.h5", 4000)
    assert main(["-f", str(config), "-o", str(run), "--resume"]) == 1
    assert f"{run / 'weights.h5'}: damaged or changed" in capsys.readouterr().err


@pytest.fixture
def finished_copy(sealed: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return an experiment and its finished run."""
    config = json.loads((sealed / "config.json").read_text())
    (tmp_path / "train.json").write_text(json.dumps(config))
    return tmp_path / "train.json", sealed


TYPOS = {
    "network": ("network", "stem_svride", 1, "unknown argument"),
    "data set": ("dataset", "pth", "x", "unknown argument"),
    "solver": ("optimizer", "train", {"solver": {"name": "Momentum", "rl": 1}}, "unknown argument"),
    "value": ("network", "drop_rate", 7, "allowed"),
}


@pytest.mark.parametrize("name", TYPOS)
@pytest.mark.parametrize("reader", READERS)
def test_a_run_is_checked_as_an_experiment_is(
    trained_copy: Path, reader: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    section, key, value, said = TYPOS[name]
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(trained_copy / "picture.png")
    config: dict[str, Any] = json.loads((trained_copy / "config.json").read_text())
    if section == "dataset":
        config["dataset"] = {"name": config["dataset"]["name"]}
    config[section][key] = value
    (trained_copy / "config.json").write_text(json.dumps(config))
    assert read(reader, trained_copy) == 2
    error = capsys.readouterr().err
    assert f"config.json: {section}.{key}" in error
    assert said in error


def converted(source: Path, target: Path, kind: str) -> None:
    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                new[name] = item[...].astype(kind)
                new[name].attrs.update(item.attrs)

        old.visititems(copy)


@pytest.mark.parametrize(("kind", "code"), [("f8", 0), (">f8", 0), ("f2", 0), ("i4", 2)])
def test_weights_of_other_widths_are_converted(
    trained_copy: Path, kind: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read("evaluate", trained_copy) == 0
    expected = capsys.readouterr().out
    converted(trained_copy / "weights.h5", trained_copy / "other.h5", kind)
    os.replace(trained_copy / "other.h5", trained_copy / "weights.h5")
    assert read("evaluate", trained_copy) == code
    if code == 0 and kind.endswith("8"):
        assert capsys.readouterr().out == expected


def test_values_beyond_float32_are_refused(
    trained_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    converted(trained_copy / "weights.h5", trained_copy / "other.h5", "f8")
    os.replace(trained_copy / "other.h5", trained_copy / "weights.h5")
    spoil(trained_copy / "weights.h5", 1e300)
    assert read("evaluate", trained_copy) == 1
    assert "not finite" in capsys.readouterr().err
