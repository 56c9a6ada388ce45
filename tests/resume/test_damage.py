"""Damaged checkpoints, full disks, folders that cannot be written, numbers that are not finite."""

from __future__ import annotations

import errno
import json
import os
import pkgutil
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.artifact.checkpoint import Checkpoints
from nnabla_nas.cli import main
from nnabla_nas.runner.runner import Runner

Outcome = Callable[[Path], dict[str, Any]]
FILES = ("arrays.npz", "state.json", "manifest.json")


def run(config: Path, output: Path, *flags: str) -> int:
    return main(["-f", str(config), "-o", str(output), "--no-visualize", *flags])


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    if how == "removed":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content)


@pytest.fixture(scope="module")
def ended(finished: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that ended right before result.json was written."""
    folder = tmp_path_factory.mktemp("ended") / "run"
    shutil.copytree(finished[1], folder)
    (folder / "result.json").unlink()
    return folder


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["truncated", "flipped", "removed"])
def test_damage_costs_a_generation_and_two_are_an_error(
    finished: tuple[Path, Path],
    ended: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    outcome: Outcome,
    name: str,
    how: str,
) -> None:
    config, whole = finished
    folder = tmp_path / "run"
    shutil.copytree(ended, folder)
    newest, before = Checkpoints(folder / "checkpoint").generations()
    damage(newest / name, how)
    both = tmp_path / "both"
    shutil.copytree(folder, both)
    assert run(config, folder, "--resume") == 0
    said = capsys.readouterr().out
    assert "warning: " in said
    assert str(Path(newest.name) / name) in said
    assert "resumed after update 4" in said
    assert outcome(folder) == outcome(whole)

    damage(both / "checkpoint" / before.name / name, how)
    kept = {path: path.read_bytes() for path in (both / "checkpoint").rglob("*.*")}
    assert run(config, both, "--resume") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert name in error
    assert {path: path.read_bytes() for path in (both / "checkpoint").rglob("*.*")} == kept


WRITES = {
    "checkpoint": "nnabla_nas.artifact.checkpoint.write_state",
    "weights": "nnabla_nas.runner.record.write_parameters",
    "tensorboard": "tensorboardX.record_writer.RecordWriter.write",
    "trajectory": "nnabla_nas.artifact.trajectory.Trajectory.append",
}


class Disk:
    """A disk that can refuse to be written to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.error: OSError | None = None
        self._number = number
        names = ("write_bytes", "write_text", "mkdir")
        for target in ("os.fsync", "os.replace", *(f"pathlib.Path.{name}" for name in names)):
            self._guard(monkeypatch, target)
        self._guard(monkeypatch, WRITES["tensorboard"])

    def refuse(self) -> None:
        self.error = OSError(self._number, os.strerror(self._number))

    def _guard(self, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
        real = pkgutil.resolve_name(target)

        def call(*arguments: Any, **keywords: Any) -> Any:
            if self.error is not None:
                raise self.error
            return real(*arguments, **keywords)

        monkeypatch.setattr(target, call)


@pytest.mark.parametrize(
    ("write", "number"),
    [*((write, errno.ENOSPC) for write in WRITES), ("checkpoint", errno.EACCES)],
)
def test_what_cannot_be_written_ends_the_run_and_the_checkpoint_stays(
    finished: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    outcome: Outcome,
    write: str,
    number: int,
) -> None:
    config, whole = finished
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch, number)
        refuse_in_last_epoch(patch, disk, WRITES[write])
        assert run(config, folder) == 1
        assert disk.error is not None
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert os.strerror(number) in error
    assert not list((folder / "checkpoint").glob(".partial*"))
    assert Checkpoints(folder / "checkpoint").load(pytest.fail) is not None
    assert run(config, folder, "--resume") == 0
    assert outcome(folder) == outcome(whole)


def refuse_in_last_epoch(patch: pytest.MonkeyPatch, disk: Disk, target: str) -> None:
    """Let the disk refuse from a certain write on, after the fifth update."""
    real, report, last = pkgutil.resolve_name(target), Runner._report_update, False

    def reporting(self: Runner, *arguments: Any) -> None:
        nonlocal last
        report(self, *arguments)
        last = self.progress.step == 6

    def writing(*arguments: Any, **keywords: Any) -> Any:
        if last:
            disk.refuse()
        return real(*arguments, **keywords)

    patch.setattr(Runner, "_report_update", reporting)
    patch.setattr(target, writing)


def test_a_run_that_diverges_keeps_the_last_good_checkpoint(
    finished: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, _ = finished
    folder = tmp_path / "run"
    flags = ["-x", "optimizer.train.solver.lr=1e6", "-x", "optimizer.train.grad_clip=null"]
    flags += ["-x", "epoch=30"]
    assert run(config, folder, *flags) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "at update " in error
    assert "parameter '" in error
    assert json.loads((folder / "result.json").read_text())["status"] == "diverged"
    state = Checkpoints(folder / "checkpoint").load(pytest.fail)
    assert state is not None
    assert state["progress"]["step"] >= 2
    arrays = state["parameters"].values()
    assert all((abs(array) < float("inf")).all() for array in arrays)


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """Mount a disk of two megabytes where that is allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here; the stand-in above shows the same")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_really_full(
    finished: tuple[Path, Path],
    small_disk: Path,
    capsys: pytest.CaptureFixture[str],
    outcome: Outcome,
) -> None:
    config, whole = finished
    filler, report = small_disk / "filler", Runner._report_update

    def reporting(self: Runner, *arguments: Any) -> None:
        report(self, *arguments)
        if self.progress.step == 5:
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, "_report_update", reporting)
        assert run(config, small_disk / "run") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert os.strerror(errno.ENOSPC) in error
    assert Checkpoints(small_disk / "run" / "checkpoint").load(pytest.fail) is not None
    filler.unlink()
    assert run(config, small_disk / "run", "--resume") == 0
    assert outcome(small_disk / "run") == outcome(whole)
