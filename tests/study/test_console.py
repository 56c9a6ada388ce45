"""What a study says of runs under way, in a terminal and elsewhere."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from nnabla_nas.study.console import Console, Standing
from nnabla_nas.study.folders import StudyFolder
from nnabla_nas.study.plan import Run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def begin_run(path: Path, seed: int, loss: float | None) -> Run:
    """Return a run under way: three of ten epochs done, or none."""
    name = f"found/seed-{seed}"
    run = Run("found", seed, name, path / name, path / "train.json")
    run.folder.mkdir(parents=True)
    console = StudyFolder(path).console(run)
    console.parent.mkdir(parents=True, exist_ok=True)
    console.write_text("compiling kernels for this processor, once; it takes about a minute" * 2)
    (run.folder / "config.json").write_text(json.dumps({"search": False, "warmup": 0, "epoch": 10}))
    if loss is not None:
        rows = f"phase,epoch,seconds,loss_train\ntrain,3,6.0,{loss}\n"
        (run.folder / "trajectory.csv").write_text(rows)
    return run


def test_a_terminal_is_redrawn_within_its_width(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "24")
    runs = [begin_run(tmp_path, 0, 0.5), begin_run(tmp_path, 1, None)]
    stream = Terminal()
    console = Console(StudyFolder(tmp_path), "test.error", stream)
    standing = Standing(2, running=runs, waiting=[])
    console.show(standing)
    first = stream.getvalue()
    lines = first.splitlines()
    assert lines[0].startswith("found/seed-0  train 3/10  loss 0.5  ends ")
    assert lines[1].startswith("found/seed-1  compiling kernels")
    assert lines[1].endswith("...")
    assert lines[2].startswith("0 done, 2 running, 0 waiting")
    assert max(map(len, lines)) <= 60
    console.show(standing)
    assert stream.getvalue() == f"{first}\x1b[3A\x1b[J{first}"


def test_elsewhere_lines_are_appended_when_there_is_something_new(tmp_path: Path) -> None:
    runs = [begin_run(tmp_path, 0, 0.5), begin_run(tmp_path, 1, None)]
    stream = io.StringIO()
    now = [0.0]
    console = Console(StudyFolder(tmp_path), "test.error", stream, clock=lambda: now[0])
    standing = Standing(2, running=runs)
    for now[0] in (100.0, 101.0, 104.0, 105.0):
        console.show(standing)
    lines = stream.getvalue().splitlines()
    assert [line[:20] for line in lines] == ["found/seed-0: train ", "found/seed-1: compil"]
    assert max(map(len, lines)) <= 80
