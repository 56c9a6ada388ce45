"""The benchmark that compares random trees, on a few of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "random_trees.py"


def test_a_few_trees() -> None:
    command = [sys.executable, str(SCRIPT), "--trees", "3", "--first", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0 of 3 trees differ")
