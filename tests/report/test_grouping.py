"""Which runs belong together, and what their groups are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.report import compare
from nnabla_nas.testing.run_folders import write_run


def groups(*folders: Path, **options: Any) -> dict[str, list[str]]:
    """Return the seeds of each group, by its name."""
    found = compare(list(folders), **options)
    return {
        one.name: [str(one.group.number(run)) for run in one.group.runs] for one in found.groups
    }


def test_runs_that_differ_in_the_seed_only_are_a_group(tmp_path: Path) -> None:
    for seed in (10, 2, 5):
        write_run(tmp_path / "a" / f"seed-{seed}", seed, changes={"threads": seed})
        write_run(tmp_path / "b" / f"seed-{seed}", seed, 0.2, changes={"epoch": 4})
    assert groups(tmp_path) == {"a": ["2", "5", "10"], "b": ["2", "5", "10"]}
    assert groups(tmp_path / "b" / "seed-2", tmp_path / "a") == {"a": ["2", "5", "10"], "b": ["2"]}


@pytest.mark.parametrize("seeds", [(0, 1, 2), (3, 4, 5)])
def test_a_genotype_from_the_seeds_own_search_is_the_same_experiment(
    tmp_path: Path, seeds: tuple[int, ...]
) -> None:
    for seed in seeds:
        genotype = str(tmp_path / "search" / f"seed-{seed}" / "arch.h5")
        changes = {"network.genotype": genotype}
        write_run(tmp_path / "found" / f"seed-{seed}", seed, 0.1, changes=changes)
        write_run(tmp_path / "random" / f"seed-{seed}", seed, 0.2)
    numbers = [str(seed) for seed in seeds]
    assert groups(tmp_path) == {"found": numbers, "random": numbers}


def test_one_genotype_trained_with_several_seeds_is_one_experiment(tmp_path: Path) -> None:
    for search, error in ((0, 0.1), (1, 0.2)):
        for seed in (0, 1, 2):
            changes = {"network.genotype": f"log/search/seed-{search}/arch.h5"}
            write_run(tmp_path / f"of-{search}" / str(seed), seed, error, changes=changes)
    assert groups(tmp_path) == {"of-0": ["0", "1", "2"], "of-1": ["0", "1", "2"]}


def test_numbered_folders_are_named_without_the_number_unless_it_tells_them_apart(
    tmp_path: Path,
) -> None:
    for seed in (1, 2, 3):
        write_run(tmp_path / f"random-{seed}", seed)
    for width, error in ((8, 0.2), (16, 0.3)):
        changes = {"network.width_mult": width}
        write_run(tmp_path / f"width-{width}", 0, error, changes=changes)
    assert groups(tmp_path) == {"random": ["1", "2", "3"], "width-8": ["0"], "width-16": ["0"]}


def test_what_differs_is_the_name_where_folders_do_not_tell(tmp_path: Path) -> None:
    for seed, place in ((1, "x"), (2, "y")):
        write_run(tmp_path / place / "q", seed, changes={"epoch": 5})
        write_run(tmp_path / place / "r", seed, 0.2, changes={"epoch": 7})
    assert groups(tmp_path) == {"epoch=5": ["1", "2"], "epoch=7": ["1", "2"]}


def test_repetitions_may_differ_in_another_setting(tmp_path: Path) -> None:
    for fold in (0, 1):
        for name, error in (("a", 0.1), ("b", 0.2)):
            changes = {"dataset.fold": fold, "network.width_mult": error}
            write_run(tmp_path / name / str(fold), 7, error, changes=changes)
    assert groups(tmp_path, by="dataset.fold") == {"a": ["0", "1"], "b": ["0", "1"]}
    assert len(groups(tmp_path)) == 4


def test_settings_of_any_kind_are_settings(tmp_path: Path) -> None:
    seeds: list[Any] = [[1], True, "x", 10**18, 1.5, None, {"a": 1}]
    for index, seed in enumerate(seeds):
        changes = {"seed": seed, "network.genotype": seeds[-1 - index], "network.weights": [index]}
        write_run(tmp_path / str(index), 0, changes=changes)
    assert sum(map(len, groups(tmp_path).values())) == len(seeds)
    assert Path(compare([tmp_path]).write(tmp_path / "out")[2]).is_file()


def test_a_second_run_of_a_seed_does_not_count(tmp_path: Path) -> None:
    for folder, seed in (("one", 0), ("two", 1), ("three", 1)):
        write_run(tmp_path / folder, seed)
    found = compare([tmp_path])
    (one,) = found.groups
    assert one.summary is not None
    assert one.summary.n == 2
    assert any("repeats a seed" in remark for remark in found.remarks)


def test_a_folder_named_twice_or_linked_counts_once(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "log" / "a")
    (tmp_path / "log" / "link").symlink_to(folder)
    (tmp_path / "log" / "circle").symlink_to(tmp_path / "log")
    assert len(compare([tmp_path / "log", folder, tmp_path / "log" / "link"]).runs) == 1
