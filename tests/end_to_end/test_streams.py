"""Closed and full streams, early signals, several processes: the exit code is the truth."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main

ROOT = Path(__file__).resolve().parents[2]


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `PROGRAM …`, main.py in a process of its own, by the shell."""
    program = shlex.join([sys.executable, str(ROOT / "main.py")])
    return subprocess.run(
        ["sh", "-c", command.replace("PROGRAM", program)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def training(tmp_path: Path, search_json: dict[str, Any]) -> str:
    """Return the flags of a training of no epoch."""
    (tmp_path / "train.json").write_text(
        json.dumps({**search_json, "algorithm": "Trainer", "epoch": 0})
    )
    return f"-f {tmp_path / 'train.json'} -o {tmp_path / 'run'} --no-visualize"


@pytest.mark.parametrize("where", [">/dev/full", ">&- 2>&-"])
def test_a_run_finishes_where_nobody_can_hear_it(training: str, tmp_path: Path, where: str) -> None:
    done = shell(f"PROGRAM {training} {where}")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "finished"
    # What was said went nowhere else.
    assert f"evaluate {tmp_path / 'run'}" in (tmp_path / "run" / "log.txt").read_text()
    assert main(["evaluate", str(tmp_path / "run")]) == 0


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("PROGRAM --no-such-flag 2>&-", 2, ""),
        ("PROGRAM --no-such-flag >&-", 2, "unknown argument"),
        ("PROGRAM list >/dev/full", 1, "No space left"),
        ("PROGRAM --help >/dev/full", 1, "No space left"),
        ("PROGRAM list >&-", 0, ""),
    ],
)
def test_exit_codes_of_closed_and_full_streams(command: str, code: int, words: str) -> None:
    done = shell(command)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    "moment", ["nnabla_nas.config", "nnabla.logger", "nnabla_nas.runner.launch"]
)
def test_an_interrupt_during_an_import_is_one_line(
    training: str, tmp_path: Path, moment: str
) -> None:
    (tmp_path / "interrupting.py").write_text(
        f"""
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {moment!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.argv[0] = {str(ROOT / "main.py")!r}
sys.path.insert(0, {str(ROOT)!r})
from nnabla_nas.cli import main
sys.exit(main(sys.argv[1:]))
"""
    )
    command = [sys.executable, str(tmp_path / "interrupting.py"), *shlex.split(training)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 130
    assert done.stderr == "error: interrupted before the run began\n"
    assert not (tmp_path / "run").exists()


def test_the_callers_handler_is_what_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert main(["--no-such-flag"]) == 2
    assert signal.getsignal(signal.SIGINT) is before


LAUNCHERS = {
    "OMPI_COMM_WORLD_SIZE": {"OMPI_COMM_WORLD_SIZE": "2"},
    "PMI_SIZE": {"PMI_SIZE": "4"},
    "SLURM_STEP_NUM_TASKS": {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_ID": "0"},
    "SLURM_NTASKS": {"SLURM_NTASKS": "2", "SLURM_STEP_ID": "0"},
}


@pytest.mark.parametrize("name", LAUNCHERS)
def test_one_of_several_processes_says_that_these_are_not_supported(
    training: str,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for key, value in LAUNCHERS[name].items():
        monkeypatch.setenv(key, value)
    assert main(shlex.split(training)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{name} is " in error
    assert "several are not supported" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "environment",
    [{"SLURM_NTASKS": "4"}, {"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"}, {"PMI_SIZE": "1"}],
)
def test_one_process_of_a_larger_job_is_fine(
    training: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    assert main(shlex.split(training)) == 0
