"""Studies on this machine: what is started when, and what becomes of runs that do not end well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.cli import main
from nnabla_nas.study.engine.local import choose_slots

Write = Callable[[dict[str, Any]], Path]
ROOT = Path(__file__).parents[2]


def starts(folder: Path) -> list[list[str]]:
    path = folder / "starts.txt"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def behave(study: dict[str, Any], name: str, behaviour: int) -> None:
    study["experiments"][name].setdefault("set", {})["print_frequency"] = behaviour


def test_runs_start_once_each_after_what_they_need(
    stub: Path, write_study: Write, small_study: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    small_study["seeds"] = [0, 1, 2]
    path = write_study(small_study)
    assert main(["study", str(path), "--jobs", "3"]) == 0
    output = capsys.readouterr().out
    assert "9 done, 0 running, 0 waiting" in output
    assert "found/seed-2: finished, test error 25.00 %, 2 s" in output
    assert max(map(len, output.partition("\n\n")[0].splitlines())) <= 80
    out = path.parent / "out"
    search, found = (out / name / "seed-1" / "starts.txt" for name in ("search", "found"))
    assert search.stat().st_mtime_ns < found.stat().st_mtime_ns
    assert main(["study", str(path)]) == 0
    for name in ("search", "found", "random"):
        for seed in (0, 1, 2):
            (words,) = starts(out / name / f"seed-{seed}")
            assert ["--seed", str(seed), "--resume"] == words[4:7]
    resolved = json.loads((out / "study.json").read_text())
    assert resolved["compare"] == {"value": "test.error", "against": None, "by": "seed"}
    assert resolved["runs"][1] == {
        "experiment": "found",
        "variant": "found",
        "seed": 0,
        "folder": "found/seed-0",
        "file": str(path.parent / "train.json"),
        "grid": {},
        "after": ["search"],
    }


def test_a_killed_run_is_tried_again_but_not_for_ever(
    stub: Path, write_study: Write, small_study: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    behave(small_study, "random", 2)
    behave(small_study, "search", 3)
    small_study["retries"] = 2
    path = write_study(small_study)
    assert main(["study", str(path), "--jobs", "1"]) == 1
    captured = capsys.readouterr()
    assert "search/seed-0: failed: killed by signal 9" in captured.out
    assert "found/seed-0: failed: not started, because search/seed-0 failed" in captured.out
    assert "2 runs failed, such as search/seed-0: killed by signal 9" in captured.err
    out = path.parent / "out"
    assert len(starts(out / "random" / "seed-0")) == 2
    assert len(starts(out / "search" / "seed-0")) == 3
    assert not (out / "found").exists()
    assert main(["study", str(path), "--status"]) == 0
    status = capsys.readouterr().out
    assert "search/seed-0  failed, killed by signal 9" in status
    assert "found/seed-0   not started, because search/seed-0 failed" in status
    assert "random/seed-0  finished, test error 25.00 %" in status


def test_wrong_input_is_not_tried_again_but_by_the_next_command(
    stub: Path, write_study: Write, small_study: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    behave(small_study, "search", 4)
    path = write_study(small_study)
    assert main(["study", str(path)]) == 1
    assert "failed: exit code 2: error: so it goes" in capsys.readouterr().out
    behave(small_study, "search", 1)
    assert main(["study", str(write_study(small_study))]) == 0
    assert len(starts(path.parent / "out" / "search" / "seed-0")) == 2


def test_asked_to_stop_it_ends_all_runs_and_the_same_command_goes_on(
    stub: Path, write_study: Write, small_study: dict[str, Any]
) -> None:
    behave(small_study, "search", 5)
    behave(small_study, "random", 5)
    path = write_study(small_study)
    out = path.parent / "out"
    code = f"import pathlib, sys; from nnabla_nas.study import process; \
process._ROOT = pathlib.Path({str(stub)!r}); from nnabla_nas.cli import main; \
sys.exit(main(['study', {str(path)!r}, '--jobs', '2']))"
    command = [sys.executable, "-c", code]
    ready = [out / name / "seed-0" / "ready" for name in ("search", "random")]
    study = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not all(one.exists() for one in ready):
        assert study.poll() is None
        os.sched_yield()
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert second.returncode == 2
    assert f"a study is under way here, in process {study.pid}" in second.stderr
    study.send_signal(signal.SIGINT)
    _, error = study.communicate(timeout=60)
    assert study.returncode == 130
    assert error == "error: stopped; the same command goes on where every run stands\n"
    assert not any((out / name / "seed-0" / "result.json").exists() for name in small_study)
    assert subprocess.run(command, cwd=ROOT).returncode == 0
    assert [len(starts(out / name / "seed-0")) for name in ("search", "found", "random")] == [
        *(2, 1, 2)
    ]


def test_runs_of_a_study_that_was_killed_are_waited_for(
    stub: Path, write_study: Write, small_study: dict[str, Any]
) -> None:
    behave(small_study, "search", 5)
    path = write_study(small_study)
    out = path.parent / "out"
    code = f"import pathlib, sys; from nnabla_nas.study import process; \
process._ROOT = pathlib.Path({str(stub)!r}); from nnabla_nas.cli import main; \
sys.exit(main(['study', {str(path)!r}, '--jobs', '2']))"
    study = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not (out / "search" / "seed-0" / "ready").exists():
        assert study.poll() is None
        os.sched_yield()
    study.kill()
    study.wait()
    assert main(["study", str(path)]) == 0
    assert len(starts(out / "search" / "seed-0")) == 2
    assert len(starts(out / "found" / "seed-0")) == 1


def test_a_folder_with_another_experiment_is_refused(
    stub: Path, write_study: Write, small_study: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(small_study)
    assert main(["study", str(path)]) == 0
    from nnabla_nas.config import read_experiment
    from nnabla_nas.config.completion import complete

    experiment, _ = complete(read_experiment(str(path.parent / "train.json"), {"seed": 0}))
    folder = RunFolder(path.parent / "out" / "random" / "seed-0")
    folder.write_json(folder.config, {**experiment.to_json(), "environment": {}})
    assert main(["study", str(path)]) == 0
    folder.write_json(folder.config, {**experiment.to_json(), "cutout": 3})
    capsys.readouterr()
    assert main(["study", str(path)]) == 2
    assert "random/seed-0/config.json: cutout: was 3, now 0; remove" in capsys.readouterr().err


def test_slots_share_the_cores_and_have_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    on_cpu = choose_slots(None, None, 0)
    assert (on_cpu.n, on_cpu.flags(0)) == (8, ["--threads", "2"])
    on_gpus = choose_slots(None, None, 4)
    assert on_gpus.n == 4
    assert on_gpus.flags(3) == ["--threads", "4", "-d", "3"]
    assert choose_slots(3, 1, 0).flags(2) == ["--threads", "1"]


def test_the_studys_runs_are_those_of_main(
    write_study: Write,
    small_study: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write_study(small_study)
    assert main(["study", str(path), "--only", "found"]) == 2
    assert "found/seed-0 comes after search/seed-0, which is not" in capsys.readouterr().err
    assert main(["study", str(path), "--only", "found", "search"]) == 0
    out = tmp_path / "out"
    assert not (out / "random").exists()
    alone = tmp_path / "alone"
    genotype = out / "search" / "seed-0" / "arch.h5"
    flags = ["-x", f"network.genotype={genotype}", "-o", str(alone), "--no-visualize"]
    assert main(["-f", str(tmp_path / "train.json"), *flags]) == 0
    for name in ("weights.h5", "arch.json"):
        assert (alone / name).read_bytes() == (out / "found" / "seed-0" / name).read_bytes()
