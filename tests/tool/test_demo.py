from __future__ import annotations

from pathlib import Path

import pytest

from nnabla_nas.cli import main

ROOT = Path(__file__).parents[2]


def test_the_demo_is_a_study_of_six_runs_by_one_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = ROOT / "examples" / "demo" / "study.json"
    assert main(["study", str(study), "-o", str(tmp_path), "--dry-run"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[:6]]
    assert names == [
        *("search/seed-0", "found/seed-0", "reference/seed-0"),
        *("random/seed-1", "random/seed-2", "random/seed-3"),
    ]


def test_a_folder_that_holds_another_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "search" / "seed-0"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert main(["demo", "-o", str(tmp_path)]) == 2
    assert "search/seed-0/config.json: epoch: was null, now 10" in capsys.readouterr().err


def test_the_demos_help_needs_no_nnabla(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--help"]) == 0
    assert "log/demo" in capsys.readouterr().out
