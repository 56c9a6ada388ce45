"""Studies to compare."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnabla_nas.testing.run_folders import write_study

BETTER = [0.10, 0.11, 0.12, 0.10, 0.13, 0.11]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a study of three experiments with six seeds, one of them plainly worse."""
    errors = {"found": BETTER, "random": [e + 0.1 for e in BETTER], "other": [*BETTER[:5], 0.12]}
    return write_study(tmp_path / "study", errors)
