"""Importing the package: which Python, and beside what."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 0), (3, 11, 0)])
def test_other_pythons_are_told_which_one_is_needed(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...]
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    source = ROOT / "nnabla_nas" / "__init__.py"
    spec = importlib.util.spec_from_file_location("nnabla_nas_elsewhere", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.raises(ImportError) as caught:
        spec.loader.exec_module(module)
    message = str(caught.value)
    assert f"needs Python 3.10, this is {version[0]}.{version[1]}: nnabla 1.39.0" in message
    assert "./run.sh python main.py" in message
    assert "\n" not in message


@pytest.mark.parametrize("file", ["main.py", "nnabla_nas/__init__.py"])
def test_entrance_parses_on_old_pythons(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text(), feature_version=(3, 4))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]


def test_refuses_to_run_beside_the_package_of_the_same_import_name(tmp_path: Path) -> None:
    metadata = tmp_path / "nnabla_nas-0.14.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: nnabla-nas\nVersion: 0.14.0\n")
    finished = subprocess.run(
        [sys.executable, "main.py", "--version"],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 2
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert line.startswith("error: another package, nnabla-nas, is installed here")
