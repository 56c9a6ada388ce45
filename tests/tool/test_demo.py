from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnabla_nas.cli import main
from nnabla_nas.errors import NasError
from nnabla_nas.tool.comparison import comparison
from nnabla_nas.tool.demo import demo_jobs
from nnabla_nas.tool.job import Job, run_jobs

ROOT = Path(__file__).parents[2]


def write_result(folder: Path, error: float, multiply_adds: int) -> Path:
    folder.mkdir(parents=True)
    result = {
        "metrics": {"test": {"error": error, "examples": 400}},
        "parameters": 12345,
        "multiply_adds": multiply_adds,
        "wall_clock_seconds": 6.6,
    }
    (folder / "result.json").write_text(json.dumps(result))
    return folder


def test_the_table_says_errors_with_their_standard_error_and_no_more_than_chance_allows(
    tmp_path: Path,
) -> None:
    folders = [
        write_result(tmp_path / "train", 0.02, 1000),
        write_result(tmp_path / "reference", 0.03, 2000),
        write_result(tmp_path / "random-1", 0.10, 500),
    ]
    table = comparison(folders)
    # sqrt(0.02 · 0.98 / 400) = 0.7 %
    assert "train           2.00 ± 0.70 %" in table
    assert "12,345" in table
    assert "against reference: no difference beyond two standard errors, at 0.50" in table
    assert "against random-1: 8.00 points fewer errors, at 2.00" in table


def test_the_demo_compares_one_recipe_on_one_space(tmp_path: Path) -> None:
    jobs = {job.name: job for job in demo_jobs(tmp_path, seed=0)}
    names = ["search", "train", "reference", "random-1", "random-2", "random-3"]
    assert list(jobs) == names
    assert jobs["train"].after == "search"
    assert f"network.genotype={tmp_path / 'search' / 'arch.h5'}" in jobs["train"].flags
    for job in jobs.values():
        assert main([*job.flags, "--dry-run", "-c", "cpu"]) == 0


def script(tmp_path: Path, text: str) -> Path:
    (tmp_path / "main.py").write_text(text)
    return tmp_path


def test_jobs_wait_for_what_they_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = script(
        tmp_path,
        "import sys, pathlib\n"
        "name, needs = sys.argv[1:]\n"
        "assert needs == '-' or pathlib.Path(needs).exists()\n"
        "pathlib.Path(name).write_text('')\n"
        "print('train 1/2: loss 0.5')\nprint('other words')\n",
    )
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    jobs = [
        Job("b", tmp_path, (b, a), after="a"),
        Job("a", tmp_path, (a, "-")),
        Job("c", tmp_path, (str(tmp_path / "c"), "-")),
    ]
    run_jobs(jobs, 2, directory)
    output = capsys.readouterr().out
    assert output.count("train 1/2: loss 0.5") == 3
    assert "other words" not in output


def test_a_failing_job_ends_the_others_and_is_named(tmp_path: Path) -> None:
    directory = script(
        tmp_path,
        "import sys, signal\n"
        "if sys.argv[1] == 'fails':\n    sys.exit('error: no luck')\n"
        "signal.pause()\n",
    )
    jobs = [Job("waits", tmp_path, ("waits",)), Job("fails", tmp_path, ("fails",))]
    with pytest.raises(NasError, match="fails ended with exit code 1: error: no luck"):
        run_jobs(jobs, 2, directory)


def test_a_folder_that_holds_a_demo_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "config.json").write_text("{}")
    assert main(["demo", "-o", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_demos_help_needs_no_nnabla(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--help"]) == 0
    assert "log/demo" in capsys.readouterr().out
