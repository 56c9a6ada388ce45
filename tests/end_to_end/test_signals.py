"""Signals reach a run as launchers send them: to the whole process group."""

from __future__ import annotations

import json
import os
import shlex
import shutil
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


# Makes an environment whose python is the one of the tests.
UV = f"""#!/bin/sh
if [ "$1" = venv ]; then
    while [ $# -gt 1 ]; do shift; done
    mkdir -p "$1/bin"
    printf '#!/bin/sh\\nexec {sys.executable} "$@"\\n' >"$1/bin/python"
    chmod +x "$1/bin/python"
fi
"""


def test_run_sh_hands_a_signal_on(tmp_path: Path, search_json: dict[str, Any]) -> None:
    """The process that a scheduler knows is the one that answers."""
    checkout, programs = tmp_path / "checkout", tmp_path / "bin"
    checkout.mkdir()
    programs.mkdir()
    for name in ("run.sh", ".python-version", "main.py"):
        shutil.copy(ROOT / name, checkout)
    for name in ("requirements", "nnabla_nas"):
        (checkout / name).symlink_to(ROOT / name)
    for name, script in {"uv": UV, "nvidia-smi": "#!/bin/sh\nexit 1\n"}.items():
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    config = tmp_path / "experiment.json"
    config.write_text(json.dumps({**search_json, "epoch": 200}))
    command = [str(checkout / "run.sh"), "python", "main.py", "-f", str(config)]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "run"), "--no-visualize"],
        cwd=checkout,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("search 1/"):
            process.terminate()
            break
    out, error = process.communicate(timeout=60)
    assert process.returncode == 143, out + error
    assert "--resume" in error
    launcher, _, *following = shlex.split(out.splitlines()[-1].removeprefix("  next   "))
    flags = ["-o", str(tmp_path / "run"), "--no-visualize", "--resume"]
    # The stand-in for the environment's python names another one.
    assert [launcher, "python", *following] == [*command, *flags]
