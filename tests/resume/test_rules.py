"""What `--resume` accepts, refuses and says."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main
from nnabla_nas.runner.runner import Runner


def run(config: Path, output: Path, *flags: str) -> int:
    return main(["-f", str(config), "-o", str(output), "--no-visualize", *flags])


def stop_in(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let a run fail after an update, without a checkpoint of it."""

    def report(runner: Runner, *arguments: Any) -> None:
        if runner.progress.step == step:
            raise RuntimeError("stopped here")

    monkeypatch.setattr(Runner, "_report_update", report)


@pytest.mark.parametrize("exists", [False, True])
def test_without_a_run_it_starts_and_says_so(
    finished: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    outcome: Callable[[Path], dict[str, Any]],
    exists: bool,
) -> None:
    config, whole = finished
    if exists:
        (tmp_path / "run").mkdir()
    assert run(config, tmp_path / "run", "--resume") == 0
    assert "starting from the beginning" in capsys.readouterr().out
    assert outcome(tmp_path / "run") == outcome(whole)


def test_a_finished_run_is_left_alone(
    finished: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, whole = finished
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    assert run(config, whole, "--resume") == 0
    out, error = capsys.readouterr()
    assert "finished" in out
    assert "nothing to resume" in out
    assert not error
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


@pytest.fixture
def stopped(
    finished: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """Return the JSON file and the folder of a run that failed in its last epoch."""
    with monkeypatch.context() as patch:
        stop_in(patch, 5)
        assert run(finished[0], tmp_path / "run") == 1
    return finished[0], tmp_path / "run"


def test_another_experiment_is_refused_by_all_its_keys(
    stopped: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = stopped
    capsys.readouterr()
    changes = ["seed=3", "optimizer.train.solver.lr=0.2", "epoch=1", "network.drop_rate=0.5"]
    flags = [word for change in changes for word in ("-x", change)]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert run(config, folder, "--resume", *flags) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(changes)
    for change in changes:
        key, value = change.split("=")
        assert any(f": {key}: was " in line and f"now {value}" in line for line in lines)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_where_it_runs_and_how_much_it_says_may_differ(
    stopped: tuple[Path, Path],
    tmp_path: Path,
    finished: tuple[Path, Path],
    outcome: Callable[[Path], dict[str, Any]],
) -> None:
    config, folder = stopped
    shutil.move(folder, tmp_path / "elsewhere")
    flags = ["-x", "print_frequency=1", "-d", "0", "-c", "auto"]
    assert run(config, tmp_path / "elsewhere", "--resume", *flags) == 0
    assert outcome(tmp_path / "elsewhere") == outcome(finished[1])


def test_more_epochs_go_on_where_a_finished_run_ended(
    finished: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, whole = finished
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    assert run(config, folder, "--resume", "-x", "epoch=3") == 0
    assert "resumed after update 6" in capsys.readouterr().out
    before, after = table(whole), table(folder)
    assert after[: len(before)] == before
    assert [row["step"] for row in after] == ["2", "4", "6", "8"]
    # The cosine is that of the new length from here on.
    assert float(after[-1]["learning_rate"]) == pytest.approx(0.1 * 0.5 * (1 + (-0.8660254)))
    assert json.loads((folder / "config.json").read_text())["epoch"] == 3
    assert json.loads((folder / "result.json").read_text())["epochs"] == 4
    assert run(config, folder, "--resume", "-x", "epoch=3") == 0
    assert "nothing to resume" in capsys.readouterr().out


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "trajectory.csv").open() as file:
        return list(csv.DictReader(file))


def test_nothing_is_recorded_twice(
    stopped: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config, folder = stopped
    # As if it had been killed between a row and the checkpoint after it.
    last = (folder / "trajectory.csv").read_text().splitlines()[-1]
    with (folder / "trajectory.csv").open("a") as file:
        file.write(last.replace("search,1,4", "search,2,6") + "\nsearch,2,")
    assert run(config, folder, "--resume") == 0
    assert [row["step"] for row in table(folder)] == ["2", "4", "6"]
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    tags = events.Tags()["scalars"]
    assert "loss/train" in tags
    for tag in tags:
        steps = [event.step for event in events.Scalars(tag)]
        assert steps == sorted(set(steps)), tag
    assert [event.step for event in events.Scalars("loss/train")] == [2, 4, 6]


def test_other_data_is_refused(
    stopped: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = stopped
    path = folder / "config.json"
    content = json.loads(path.read_text())
    content["environment"]["data_checksum"] = "another"
    path.write_text(json.dumps(content))
    capsys.readouterr()
    assert run(config, folder, "--resume") == 2
    assert "data set" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "[]", '{"epoch": "x"}'])
def test_a_damaged_config_is_named(
    stopped: tuple[Path, Path], capsys: pytest.CaptureFixture[str], text: str
) -> None:
    config, folder = stopped
    (folder / "config.json").write_text(text)
    capsys.readouterr()
    assert run(config, folder, "--resume") in (1, 2)
    error = capsys.readouterr().err
    assert "config.json" in error
    assert "Traceback" not in error
