"""Signals reach a run as launchers send them: to the whole process group."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def start(config: Path, output: Path, *flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "-f", str(config), "-o", str(output), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_group_stops_after_the_update_and_the_run_goes_on(
    tmp_path: Path, search_json: dict[str, Any], number: int
) -> None:
    search_json["epoch"] = 200
    config = tmp_path / "experiment.json"
    config.write_text(json.dumps(search_json))
    process = start(config, tmp_path / "run", "--no-visualize")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("search 1/"):
            os.killpg(process.pid, number)
            os.killpg(process.pid, number)  # launchers forward what the group got already
            break
    out, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number, out + error
    assert error.count("\n") == 1
    assert "--resume" in error
    assert "Traceback" not in (tmp_path / "run" / "log.txt").read_text()
    again = start(config, tmp_path / "run", "--no-visualize", "--resume")
    assert again.stdout is not None
    said = []
    for line in again.stdout:
        said.append(line)
        if line.startswith("search "):
            os.killpg(again.pid, signal.SIGTERM)
            break
    again.communicate(timeout=60)
    assert again.returncode == 143
    assert any(line.startswith("resumed after update ") for line in said)
