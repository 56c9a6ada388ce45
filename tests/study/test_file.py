"""The file of a study: what it means, and what is refused before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main
from nnabla_nas.errors import InputError
from nnabla_nas.study.plan import plan
from nnabla_nas.study.reading import read_study

Write = Callable[[dict[str, Any]], Path]


def names(path: Path) -> list[str]:
    return [run.name for run in plan(read_study(str(path)), path.parent, Path("out"))]


def test_every_seed_is_a_whole_of_its_own(write_study: Write, small_study: dict[str, Any]) -> None:
    small_study["seeds"] = [3, 1]
    small_study["experiments"]["random"]["seeds"] = [1, 7]
    assert names(write_study(small_study)) == [
        *("search/seed-3", "found/seed-3"),
        *("search/seed-1", "found/seed-1", "random/seed-1"),
        "random/seed-7",
    ]


def test_a_name_in_braces_is_the_folder_of_the_same_seed(
    write_study: Write, small_study: dict[str, Any]
) -> None:
    small_study["seeds"] = [0, 4]
    path = write_study(small_study)
    runs = {run.name: run for run in plan(read_study(str(path)), path.parent, Path("out"))}
    found = runs["found/seed-4"]
    assert found.values["network.genotype"] == str(Path("out/search/seed-4/arch.h5").absolute())
    assert found.after == ("search/seed-4",)
    assert found.file == path.parent / "train.json"


def test_a_grid_has_a_folder_per_combination(write_study: Write) -> None:
    grid = {
        "optimizer.train.solver.lr": [0.05, 0.1],
        "network.candidates": [["MB1 3x3"], ["MB3 3x3", "MB1 3x3"]],
    }
    study = {
        "experiments": {"a": {"file": "train.json", "grid": grid, "set": {"epoch": 2}}},
        "set": {"epoch": 5, "cutout": 1},
    }
    path = write_study(study)
    runs = plan(read_study(str(path)), path.parent, Path("out"))
    assert [run.name for run in runs] == [
        "a/lr-0.05,candidates-MB1_3x3/seed-0",
        "a/lr-0.05,candidates-MB3_3x3_MB1_3x3/seed-0",
        "a/lr-0.1,candidates-MB1_3x3/seed-0",
        "a/lr-0.1,candidates-MB3_3x3_MB1_3x3/seed-0",
    ]
    assert runs[0].values["epoch"] == 2
    assert runs[0].values["cutout"] == 1
    assert runs[-1].values["optimizer.train.solver.lr"] == 0.1


def test_all_faults_are_said_at_once(write_study: Write, small_study: dict[str, Any]) -> None:
    small_study["experiments"]["found"] |= {"aftr": "search", "set": {"seed": 1}}
    small_study["experiments"]["bad name"] = {"file": "train.json"}
    small_study |= {"seeds": [1, 1], "engin": "local", "engine": "lokal"}
    with pytest.raises(InputError) as caught:
        read_study(str(write_study(small_study)))
    text = str(caught.value)
    for part in (
        "experiments.found.aftr: unknown key",
        "did you mean 'after'?",
        'experiments.found.set: got {"seed": 1}',
        "experiments.bad name: got",
        "seeds: got [1, 1]; allowed a list of integers >= 0, each once",
        "engin: unknown key",
        "did you mean 'engine'?",
        "did you mean 'local'?",
    ):
        assert part in text
    assert len(caught.value.faults) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search": {"after": "found"}}, "a circle: "),
        ({"found": {"after": "serach"}}, "did you mean 'search'?"),
        ({"found": {"after": []}}, "found.set: got \"{search}\"; allowed names that 'after' lists"),
        ({"found": {"seeds": [0, 5]}}, "'search' has no 5"),
        ({"search": {"grid": {"epoch": [1, 2]}}}, "allowed experiments without a grid"),
        ({"search": {"grid": {"epoch": 1}}}, "that of 'epoch' is none"),
        ({"found": {"file": None}}, "found.file: got null; allowed text"),
        ({"search": {"folder": "x"}, "random": {"folder": "x"}}, "one run per folder"),
        ({"random": {"grid": {"dataset.name": ["a b", "a_b"]}}}, "one run per folder"),
    ],
)
def test_experiments_that_contradict_each_other_are_refused(
    changes: dict[str, Any],
    message: str,
    write_study: Write,
    small_study: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, change in changes.items():
        small_study["experiments"][name] |= change
    path = write_study(small_study)
    assert main(["study", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert not (path.parent / "out").exists()


def test_every_experiment_is_checked_as_main_would(
    write_study: Write, small_study: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    small_study["experiments"]["random"]["set"] = {"network.candidats": ["MB1 3x3"]}
    small_study["experiments"]["search"]["set"] = {"epoch": -1}
    small_study["experiments"]["found"]["file"] = "missing.json"
    path = write_study(small_study)
    assert main(["study", str(path)]) == 2
    error = capsys.readouterr().err
    assert "random: set: network.candidats" in error
    assert "did you mean 'candidates'?" in error
    assert "search: set: epoch: got -1" in error
    assert "missing.json: cannot be read" in error
    assert not (path.parent / "out").exists()


def test_a_dry_run_prints_the_runs_in_order_and_makes_nothing(
    write_study: Write, small_study: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(small_study)
    assert main(["study", str(path), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == [
        "search/seed-0",
        "found/seed-0",
        "random/seed-0",
    ]
    assert lines[1].endswith("after search/seed-0")
    assert "not known" in lines[-1]
    assert not (path.parent / "out").exists()


def test_the_studys_help_needs_no_nnabla(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "--help"]) == 0
    assert "--dry-run" in capsys.readouterr().out


def test_a_file_in_the_place_of_the_output_folder_is_refused(
    write_study: Write, small_study: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(small_study)
    for flags in ([], ["--status"], ["--dry-run"]):
        assert main(["study", str(path), "-o", str(path), *flags]) == 2
        assert "is a file, not a folder" in capsys.readouterr().err
