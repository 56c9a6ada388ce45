"""A run goes on with the lanes that it was begun with, wherever it is resumed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas import function
from nnabla_nas.cli import main
from nnabla_nas.function import lanes

pytestmark = pytest.mark.skipif(not function.has_compiler(), reason="there are no kernels")
_ROOT = Path(__file__).parents[2]


def edit(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def stopped(finished: tuple[Path, Path], tmp_path: Path) -> Path:
    """Return a run's folder that ended an epoch before the whole one."""
    config, _ = finished
    folder = tmp_path / "run"
    arguments = ["-f", str(config), "-o", str(folder), "--no-visualize", "-x", "epoch=1"]
    assert main(arguments) == 0
    return folder


def test_the_number_is_part_of_a_run(finished: tuple[Path, Path]) -> None:
    kernels = json.loads((finished[1] / "config.json").read_text())["environment"]["kernels"]
    assert kernels["lanes"] == lanes.lanes()
    assert len(kernels["version"]) == 32


def test_a_processor_of_another_number_goes_on_with_it(
    finished: tuple[Path, Path], stopped: Path
) -> None:
    longer = ["-f", str(finished[0]), "--no-visualize", "--resume", "-x", "epoch=2"]
    here, there = stopped, stopped.with_name("elsewhere")
    shutil.copytree(here, there)
    assert main([*longer, "-o", str(here)]) == 0
    (other,) = set(lanes.WIDTHS) - {lanes.lanes()}
    done = subprocess.run(
        [sys.executable, "main.py", *longer, "-o", str(there)],
        env={**os.environ, "NNABLA_NAS_LANES": str(other)},
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (here / "arch.h5").read_bytes() == (there / "arch.h5").read_bytes()
    environment = json.loads((there / "config.json").read_text())["environment"]
    assert environment["kernels"]["lanes"] == lanes.lanes()


def test_kernels_in_use_that_do_not_fit(
    finished: tuple[Path, Path], stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (other,) = set(lanes.WIDTHS) - {lanes.lanes()}

    def change(content: Any) -> None:
        content["environment"]["kernels"]["lanes"] = other

    edit(stopped / "config.json", change)
    (stopped / "result.json").unlink()
    arguments = ["-f", str(finished[0]), "-o", str(stopped), "--resume", "-x", "epoch=2"]
    assert main(arguments) == 2
    assert f"kernels of {lanes.lanes()} lanes are in use, not of {other}" in capsys.readouterr().err
