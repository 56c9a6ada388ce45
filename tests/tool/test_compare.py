"""`compare` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnabla_nas.cli import main
from nnabla_nas.testing.run_folders import write_study


def test_it_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = write_study(tmp_path / "study", {"a": [0.1, 0.2], "b": [0.3, 0.2]})
    assert main(["compare", str(study), "--against", "b", "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "a against b: test.error 10.00 points lower in 2 repetitions" in said
    for name in ("compare.csv", "compare.json", "report.html"):
        assert (tmp_path / "out" / name).is_file()
        assert str(tmp_path / "out" / name) in said


def test_without_a_place_nothing_is_written(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", {"a": [0.1]})
    before = sorted(tmp_path.rglob("*"))
    assert main(["compare", str(study)]) == 0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments", [[], ["nowhere"], [".", "--valeu", "x"], ["STUDY", "--against", "c"]]
)
def test_wrong_input_is_a_line_and_two(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path / "study", {"a": [0.1]})
    words = [str(study) if word == "STUDY" else word for word in arguments]
    assert main(["compare", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
