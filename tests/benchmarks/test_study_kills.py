from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_few_kills_of_a_small_study_cost_nothing() -> None:
    command = [sys.executable, "benchmarks/study_kills.py", "--runs", "2", "--kills", "2"]
    done = subprocess.run(
        [*command, "--jobs", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost: 0\ndone twice: 0\nother bytes: 0" in done.stdout
