from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

import nnabla_nas.artifact
from nnabla_nas.artifact import describe_environment

ROOT = Path(nnabla_nas.artifact.__file__).parents[2]
PRINT = "import json; from nnabla_nas.artifact import *; print(json.dumps(describe_environment()))"


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def described_by_copy(root: Path) -> dict[str, object]:
    package = root / "nnabla_nas"
    if not package.exists():
        shutil.copytree(ROOT / "nnabla_nas" / "artifact", package / "artifact")
        for name in ("__init__.py", "errors.py", "integrity.py"):
            shutil.copy(ROOT / "nnabla_nas" / name, package)
    # Coverage would count the copy as another, untested package.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    variables["PYTHONPATH"] = str(root)
    command = [sys.executable, "-c", PRINT]
    answer = subprocess.run(
        command, cwd=root, env=variables, check=True, capture_output=True, text=True
    )
    return dict(json.loads(answer.stdout))


def test_versions_machine_and_time() -> None:
    before = datetime.now(timezone.utc)
    environment = describe_environment()
    assert environment["python"] == platform.python_version()
    assert environment["platform"] == platform.platform()
    assert environment["processor"]
    assert environment["versions"]["numpy"] == np.__version__
    assert environment["versions"]["nnabla"] == importlib.metadata.version("nnabla")
    created = datetime.fromisoformat(environment["created"])
    assert before.replace(microsecond=0) <= created <= datetime.now(timezone.utc)
    assert json.loads(json.dumps(environment)) == environment


def test_nnabla_is_not_imported() -> None:
    check = "; import sys; assert 'nnabla' not in sys.modules"
    subprocess.run([sys.executable, "-c", PRINT + check], cwd=ROOT, check=True, timeout=60)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_commit_of_the_checkout_the_package_is_the_root_of(tmp_path: Path) -> None:
    assert described_by_copy(tmp_path)["git_commit"] is None
    git(tmp_path, "init", "-q")
    assert described_by_copy(tmp_path)["git_commit"] is None
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    assert described_by_copy(tmp_path)["git_commit"] == git(tmp_path, "rev-parse", "HEAD")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_no_commit_inside_somebody_elses_checkout(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    (tmp_path / "site-packages").mkdir()
    assert described_by_copy(tmp_path / "site-packages")["git_commit"] is None
