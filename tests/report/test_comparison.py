"""What a comparison says, of whole runs and of damaged ones."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from pathlib import Path

import pytest

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.errors import InputError, NasError
from nnabla_nas.report import Comparison, compare
from nnabla_nas.testing.run_folders import write_run, write_study


def row(text: str, name: str) -> list[str]:
    """Return the cells behind a name in the first table that has it."""
    line = next(one for one in text.splitlines() if one.startswith(f"{name} "))
    return line.removeprefix(name).split()


def test_the_console_shows_figures_differences_and_a_sentence(study: Path) -> None:
    found = compare([study], against="random")
    text = found.text()
    assert row(text, "found")[:4] == ["6", "11.17", "±", "1.17"]
    assert row(text, "random")[:4] == ["6", "21.17", "±", "1.17"]
    assert "95 % interval" in text
    assert (
        "found against random: test.error 10.00 points lower (95 % interval -10.00 to -10.00; "
        "Wilcoxon, n = 6, p = 0.062): no more than chance may make."
    ) in text
    assert "With fewer than 15 repetitions (here 6)" in text
    assert [one.name for one in found.groups] == ["found", "other", "random"]
    assert max(map(len, text.splitlines()[:12])) <= 100


def test_with_enough_seeds_a_difference_is_more_than_chance(tmp_path: Path) -> None:
    errors = [0.1 + 0.001 * seed for seed in range(15)]
    study = write_study(tmp_path, {"a": errors, "b": [2 * error for error in errors]})
    found = compare([study], against="b")
    (sentence,) = found.sentences
    assert sentence.endswith("Wilcoxon, n = 15, p < 0.001): more than chance makes.")
    other = compare([study], against="a")
    assert "points higher" in other.sentences[0]


def test_below_five_seeds_there_is_no_test(tmp_path: Path) -> None:
    study = write_study(tmp_path, {"a": [0.1] * 4, "b": [0.9] * 4})
    first, note = compare([study], against="b").sentences
    assert "80.00 points lower in 4 repetitions; below 5 nothing is tested" in first
    assert "here 4" in note


def test_other_seeds_make_it_mann_whitney(study: Path) -> None:
    (study / "found" / "seed-5" / "result.json").unlink()
    found = compare([study], against="random")
    tests = {one.name: one.difference.test for one in found.groups if one.difference}
    assert tests == {"found": "Mann-Whitney", "other": "Wilcoxon"}


def test_the_search_that_a_genotype_came_from_is_counted(tmp_path: Path) -> None:
    seconds = {0: 100.0, 1: 300.0}
    for seed, spent in seconds.items():
        search = tmp_path / "search" / f"seed-{seed}"
        write_run(search, seed, search=True, result={"device_seconds": spent})
        changes = {"network.genotype": str(search / "arch.h5")}
        write_run(tmp_path / "found" / f"seed-{seed}", seed, changes=changes)
        write_run(tmp_path / "random" / f"seed-{seed}", seed)
    found = compare([tmp_path])
    searched = {one.name: list(one.search_seconds.values()) for one in found.groups}
    assert searched["found"] == [100, 300]
    assert searched["random"] == [0, 0]
    assert row(found.text().split("\n\n")[1], "found")[-4:] == ["10", "200", "210", "2"]
    alone = compare([tmp_path / "found"])
    assert list(alone.groups[0].search_seconds.values()) == [None, None]

    (tmp_path / "moved").mkdir()
    for name in ("search", "found"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    moved = {one.name: one for one in compare([tmp_path / "moved"]).groups}
    assert list(moved["found"].search_seconds.values()) == [100, 300]


def test_latency_and_memory_are_shown_where_they_are_known(tmp_path: Path) -> None:
    constraints = {
        "time": {"estimator": "LatencyEstimator", "value": 1.5, "unit": "ms", "bound": 2},
        "peak": {"estimator": "ActivationMemoryEstimator", "value": 3_000_000, "unit": "bytes"},
    }
    write_run(tmp_path / "a", result={"constraints": constraints})
    text = compare([tmp_path]).text()
    assert "latency, ms" in text
    assert row(text.split("\n\n")[1], "a")[2:4] == ["1.5", "3"]
    assert "latency" not in compare([write_run(tmp_path / "b" / "c", 3)]).text()


def write_all_kinds(folder: Path) -> None:
    """Write a study of which hardly anything is whole."""
    write_study(folder, {"found": [0.1] * 8, "random": [0.2] * 8})
    (folder / "found" / "seed-0" / "result.json").write_text('{"status": "finished", "met')
    (folder / "found" / "seed-1" / "result.json").write_text("[]")
    (folder / "found" / "seed-2" / "result.json").write_text('{"status": 5, "metrics": [1]}')
    (folder / "found" / "seed-3" / "result.json").write_text('{"status": "diverged"}')
    (folder / "found" / "seed-4" / "config.json").write_bytes(b"\xff\x00{")
    (folder / "found" / "seed-5" / "result.json").unlink()
    log = "2026-11-24 10:00:00 train 1/3\n2026-11-24 10:00:01 MemoryError: no room"
    (folder / "found" / "seed-5" / "log.txt").write_text(log)
    (folder / "found" / "seed-6" / "result.json").unlink()
    (folder / "found" / "seed-6" / "config.json").unlink()
    notes = folder / ".study" / "found" / "seed-6.json"
    notes.parent.mkdir(parents=True)
    notes.write_text('{"code": 2, "reason": "error: no such file"}')
    odd = {"status": "finished", "metrics": {"test": 3, "train": {"error": None}}, "parameters": []}
    (folder / "found" / "seed-7" / "result.json").write_text(json.dumps(odd))
    for name in ("result.json", "config.json"):
        (folder / "random" / "seed-7" / name).unlink()


def test_what_is_damaged_missing_or_failed_is_said(tmp_path: Path) -> None:
    write_all_kinds(tmp_path)
    (tmp_path / "random" / "seed-6" / "result.json").unlink()
    found = compare([tmp_path])
    states = {str(run.folder.relative_to(tmp_path)): run.state for run in found.runs}
    assert [states[f"found/seed-{seed}"] for seed in range(8)] == [
        *["damaged"] * 3,
        "diverged",
        "damaged",
        *["failed"] * 2,
        "finished",
    ]
    assert states["random/seed-6"] == "unfinished"
    assert states["random/seed-7"] == "not started"
    assert {one.name for one in found.groups} == {"found", "random"}
    text = found.text()
    assert "seed-0: damaged: " in text
    assert "seed-5: failed: MemoryError: no room" in text
    assert "seed-6: failed: exit code 2: error: no such file" in text
    assert "16 runs: " in text
    assert row(text, "random")[0] == "6"


def test_a_run_under_way_is_running(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a")
    (folder / "result.json").unlink()
    with closing(RunFolder(folder).open(resume=True)):
        assert [run.state for run in compare([folder]).runs] == ["running"]
    assert [run.state for run in compare([folder]).runs] == ["unfinished"]


def test_a_study_says_what_to_compare(study: Path) -> None:
    listed = json.loads((study / "study.json").read_text())
    listed["compare"] = {"value": "test.loss", "against": "other"}
    (study / "study.json").write_text(json.dumps(listed))
    found = compare([study])
    assert (found.value, found.against) == ("test.loss", "other")
    assert compare([study], value="test.error", against="found").against == "found"


@pytest.mark.parametrize("content", ["{", "[]", '{"runs": 3}', '{"runs": [1, {"folder": 2}]}'])
def test_a_damaged_list_of_runs_hides_none(study: Path, content: str) -> None:
    (study / "study.json").write_text(content)
    found = compare([study])
    assert len(found.runs) == 18
    assert any("study.json" in remark for remark in found.remarks)


def test_searches_are_compared_by_what_they_have(tmp_path: Path) -> None:
    write_run(tmp_path / "s", search=True)
    assert "no finished run has test.error" in compare([tmp_path]).text()
    assert row(compare([tmp_path], value="valid.error").text(), "s")[1] == "10.00"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"value": "test.eror"}, "did you mean 'test.error'?"),
        ({"against": "randm"}, "did you mean 'random'?"),
        ({"by": "sede"}, "did you mean 'seed'?"),
    ],
)
def test_what_is_not_known_is_an_error(study: Path, options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match="did you mean") as caught:
        compare([study], **options)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_folders_without_runs_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        compare([tmp_path / "empty", tmp_path / "none"])
    assert [fault.split(": ")[1] for fault in caught.value.faults] == [
        "no run in it, nor below it",
        "no such folder",
    ]


def written(comparison: Comparison, folder: Path) -> tuple[list[dict[str, str]], dict[str, object]]:
    """Return the rows of compare.csv and the content of compare.json."""
    files = {path.name: path for path in comparison.write(folder)}
    with files["compare.csv"].open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return rows, json.loads(files["compare.json"].read_text())


def test_the_files_hold_every_run_and_the_whole_comparison(study: Path, tmp_path: Path) -> None:
    rows, content = written(compare([study], against="random"), tmp_path / "new" / "out")
    assert len(rows) == 18
    assert {row["group"] for row in rows} == {"found", "random", "other"}
    assert float(rows[0]["test.error"]) == 0.1
    (found,) = [one for one in content["groups"] if one["name"] == "found"]  # type: ignore[attr-defined]
    assert found["summary"]["n"] == 6
    assert found["difference"]["test"] == "Wilcoxon"
    assert content["against"] == "random"


def test_files_of_damaged_runs_are_written_too(tmp_path: Path) -> None:
    write_all_kinds(tmp_path / "study")
    rows, content = written(compare([tmp_path / "study"]), tmp_path)
    assert len(rows) == 16
    assert len(content["unfinished"]) == 8  # type: ignore[arg-type]


def test_a_file_in_the_way_is_named(study: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(NasError, match=r"cannot write '.*taken'"):
        compare([study]).write(tmp_path / "taken")


def test_names_cannot_command_a_terminal(tmp_path: Path) -> None:
    write_run(tmp_path / "a\x1b[2Jb\nc", 1)
    write_run(tmp_path / "d", 2, changes={"epoch": 9})
    text = compare([tmp_path]).text()
    assert "\x1b" not in text
    assert "a?[2Jb?c" in text
