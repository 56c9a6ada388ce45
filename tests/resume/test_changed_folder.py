"""What happened to the output folder while a run went on, or between a stop and a resume."""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.artifact import environment
from nnabla_nas.artifact.checkpoint import Checkpoints
from nnabla_nas.artifact.environment import describe_software
from nnabla_nas.artifact.state_file import write_state
from nnabla_nas.cli import main
from nnabla_nas.runner import resume
from nnabla_nas.runner.runner import Runner

Outcome = Callable[[Path], dict[str, Any]]


def run(config: Path, output: Path, *flags: str) -> int:
    return main(["-f", str(config), "-o", str(output), "--no-visualize", *flags])


def after_update(patch: pytest.MonkeyPatch, step: int, action: Callable[[], object]) -> None:
    """Let something happen after an update."""
    report = Runner._report_update

    def reporting(runner: Runner, *arguments: Any) -> None:
        report(runner, *arguments)
        if runner.progress.step == step:
            action()

    patch.setattr(Runner, "_report_update", reporting)


def fail() -> None:
    raise RuntimeError("stopped here")


@pytest.fixture
def stopped(
    finished: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """Return the JSON file and the folder of a run that failed in its last epoch."""
    with monkeypatch.context() as patch:
        after_update(patch, 5, fail)
        assert run(finished[0], tmp_path / "run") == 1
    return finished[0], tmp_path / "run"


@pytest.fixture(scope="module")
def training(
    tiny_search: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Return the JSON file of a training that selects its epoch, and the folder of it."""
    folder = tmp_path_factory.mktemp("training")
    train = {"train": {"solver": {"name": "Adam", "alpha": 0.01}}}
    content = {**tiny_search, "algorithm": "Trainer", "optimizer": train, "epoch": 4}
    content["train_portion"] = 0.5
    (folder / "train.json").write_text(json.dumps(content))
    assert run(folder / "train.json", folder / "whole") == 0
    return folder / "train.json", folder / "whole"


REPLACEMENTS: dict[str, Callable[[Path], object]] = {
    "removed": shutil.rmtree,
    "moved": lambda folder: folder.rename(folder.with_name("elsewhere")),
    "taken over": lambda folder: (shutil.rmtree(folder), begin(folder)),
    "its lock removed": lambda folder: (folder / ".lock").unlink(),
}


def begin(folder: Path) -> None:
    folder.mkdir()
    for name in (".lock", "config.json", "weights.h5"):
        (folder / name).write_text("another run's")


@pytest.mark.parametrize("how", REPLACEMENTS)
def test_a_run_ends_when_its_folder_is_no_longer_its_own(
    finished: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: str,
) -> None:
    folder = tmp_path / "run"
    present: list[Path] = []

    def replace() -> None:
        REPLACEMENTS[how](folder)
        present.extend(sorted(folder.rglob("*")))

    after_update(monkeypatch, 3, replace)
    assert run(finished[0], folder) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"output folder '{folder}': it was removed or replaced" in error
    assert sorted(folder.rglob("*")) == present
    if how == "taken over":
        assert {path.read_text() for path in present} == {"another run's"}


def test_a_continuation_without_a_checkpoint_is_refused_and_changes_nothing(
    finished: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, whole = finished
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / "checkpoint")
    before = contents(folder)
    for _ in range(2):
        assert run(config, folder, "--resume", "-x", "epoch=200") == 2
        assert "no checkpoint to go on from" in capsys.readouterr().err
    (folder / "result.json").unlink()
    del before[folder / "result.json"]
    assert run(config, folder, "--resume") == 2
    capsys.readouterr()
    assert contents(folder) == before


def contents(folder: Path) -> dict[Path, bytes]:
    """Return what is in a folder, the log apart: refusals are written to it."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "log.txt"]
    return {path: path.read_bytes() for path in files}


@pytest.mark.parametrize("how", ["vanished", "truncated", "of a later epoch"])
def test_kept_weights_are_those_of_the_checkpoint(
    training: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    config, _ = training
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        after_update(patch, 3, fail)
        assert run(config, folder) == 1
    weights = folder / "weights.h5"
    if how == "vanished":
        weights.unlink()
    else:
        content = weights.read_bytes()
        weights.write_bytes(content[:1000] if how == "truncated" else content[::-1])
    # No later epoch is better, so that what is kept now is what the run ends with.
    monkeypatch.setattr("nnabla_nas.runner.trainer.Trainer.is_best", lambda trainer, valid: False)
    assert run(config, folder, "--resume") == 0
    assert main(["evaluate", str(folder)]) == 0
    assert weights.exists()
    result = json.loads((folder / "result.json").read_text())
    assert result["weights_epoch"] == 1


def test_weights_that_vanish_during_a_training_are_not_passed_over(
    training: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: Outcome,
) -> None:
    config, whole = training
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(
            Runner, "epochs_done", lambda runner: (folder / "weights.h5").unlink(missing_ok=True)
        )
        assert run(config, folder) == 1
    assert f"{folder / 'weights.h5'}: vanished" in capsys.readouterr().err
    assert not (folder / "result.json").exists()
    assert run(config, folder, "--resume") == 0
    assert outcome(folder) == outcome(whole)


def test_another_experiment_is_refused_on_a_finished_folder_too(
    finished: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, whole = finished
    changes = ["-x", "seed=3", "-x", "epoch=1", "-x", "network.drop_rate=0.5"]
    assert run(config, whole, "--resume", *changes) == 2
    lines = capsys.readouterr().err.splitlines()
    for key in ("seed", "epoch", "network.drop_rate"):
        assert any(f": {key}: was " in line for line in lines)


def test_a_checkpoint_of_other_software_is_said_to_be_one(
    stopped: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = stopped
    shutil.copytree(folder, folder.with_name("same"))
    capsys.readouterr()
    assert run(config, folder.with_name("same"), "--resume") == 0
    assert "was written by" not in capsys.readouterr().out
    now = {**describe_software(), "numba": "99.0", "code": "0" * 12}
    for module in (environment, resume):
        monkeypatch.setattr(module, "describe_software", lambda: now)
    assert run(config, folder, "--resume") == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "was written by" in one]
    assert "(now 99.0)" in line
    assert "code " in line
    assert "h5py" not in line


@pytest.mark.parametrize("name", ["numba", "llvmlite", "nnabla", "nnabla_nas", "code", "processor"])
def test_what_the_last_bits_depend_on_is_known(name: str) -> None:
    assert describe_software()[name]


def test_a_damaged_trajectory_is_named_and_gone_on_with(
    stopped: tuple[Path, Path], finished: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = stopped
    path = folder / "trajectory.csv"
    header, first, second = path.read_text().splitlines()
    lines = [header, first, "\0" * 50, "search,x,\ud800,", second, "\0" * 4096]
    path.write_bytes("\n".join(lines).encode(errors="surrogatepass"))
    capsys.readouterr()
    assert run(config, folder, "--resume") == 0
    assert f"warning: {path}: 2 damaged lines are left out" in capsys.readouterr().out
    steps = [row.split(",")[2] for row in path.read_text().splitlines()]
    assert steps == ["step", "2", "4", "6"]


def test_the_good_checkpoint_stays_and_the_damaged_one_goes(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in range(2):
        checkpoints.save({"step": step, "x": np.full(3, step)})
    damaged, good = checkpoints.generations()
    (damaged / "state.json").write_text("{}")
    checkpoints = Checkpoints(tmp_path)
    state = checkpoints.load(lambda line: None)
    assert state is not None
    assert state["step"] == 0
    checkpoints.save({"step": 7, "x": np.zeros(3)})
    newest, before = checkpoints.generations()
    assert before == good
    assert not damaged.exists()
    (newest / "state.json").write_text("{}")
    state = Checkpoints(tmp_path).load(lambda line: None)
    assert state is not None
    assert state["step"] == 0


def test_files_kept_with_a_checkpoint_are_watched(tmp_path: Path) -> None:
    (tmp_path / "weights.h5").write_bytes(b"weights")
    checkpoints = Checkpoints(tmp_path / "checkpoint")
    checkpoints.save({"step": 0})
    checkpoints.save({"step": 1}, [tmp_path / "weights.h5"])
    state = checkpoints.load(pytest.fail)
    assert state is not None
    kept = checkpoints.kept(tmp_path / "weights.h5")
    assert kept is not None
    assert kept.read_bytes() == b"weights"
    kept.write_bytes(b"w3ights")
    said: list[str] = []
    state = checkpoints.load(said.append)
    assert state is not None
    assert state["step"] == 0
    assert "weights.h5 is damaged" in said[0]
    assert checkpoints.kept(tmp_path / "weights.h5") is None


@pytest.mark.parametrize("size", [100, 30_000, 240_200, 480_300])
def test_a_full_disk_says_one_thing(tmp_path: Path, size: int) -> None:
    """Let the file system refuse after some bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    unheard: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", unheard.append)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                write_state(tmp_path, {"a": np.ones(30_000), "b": np.ones(30_000)})
            gc.collect()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
    assert not unheard


def test_what_a_finished_run_promises_is_there_before_it_says_so(
    training: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    config, whole = training
    folder = tmp_path / "run"
    replace, order = os.replace, []

    def replacing(source: Any, target: Any) -> None:
        replace(source, target)
        order.append(Path(target).name)

    monkeypatch.setattr(os, "replace", replacing)
    assert run(config, folder, "--save-nnp") == 0
    assert order[-3:] == ["network.nnp", "SHA256SUMS", "result.json"]
    assert outcome(folder) == outcome(whole)


def test_a_run_killed_while_it_writes_the_network_writes_it_when_resumed(
    training: tuple[Path, Path], tmp_path: Path, outcome: Outcome
) -> None:
    config, whole = training
    folder = tmp_path / "run"

    def killed() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "nnabla_nas.export.run.write_nnp", lambda *_: os.kill(os.getpid(), signal.SIGKILL)
            )
            run(config, folder, "--save-nnp")

    child = get_context("fork").Process(target=killed)
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert not (folder / "result.json").exists()
    assert run(config, folder, "--save-nnp", "--resume") == 0
    assert (folder / "network.nnp").stat().st_size > 1000
    assert outcome(folder) == outcome(whole)
