"""Every example is a job and has a small twin, and the twins run, searches before trainings."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
TWINS = EXAMPLES / "small"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))
INPUTS = ("genotype", "param_path", "weights")
UPDATES = 3
BATCH = 8


def read(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return content


def jobs(*flags: str) -> list[str]:
    done = subprocess.run(
        ["sh", str(ROOT / "jobs.sh"), *flags], capture_output=True, text=True, check=True
    )
    return [line.split()[0] for line in done.stdout.splitlines() if "python main.py" in line]


def evaluator(algorithm: str | dict[str, Any]) -> dict[str, Any]:
    """Return what a search judges architectures by; nothing where it learns parameters."""
    options = {} if isinstance(algorithm, str) else algorithm
    found: dict[str, Any] = options.get("evaluator", {})
    return found


def sources(folder: Path, name: str) -> set[str]:
    """Return the examples whose output this one reads."""
    content = read(folder, name)
    # A search may also read the weights of a super-network.
    readers = [content["network"], evaluator(content["algorithm"])]
    paths = {str(Path(one[key]).parent) for one in readers for key in INPUTS if one.get(key)}
    made_by = {read(folder, other)["output_path"]: other for other in NAMES}
    assert paths <= made_by.keys(), f"{name} reads what no example writes"
    return {made_by[path] for path in paths}


def test_the_jobs_are_the_examples_and_every_one_has_a_small_twin() -> None:
    assert sorted(jobs()) == NAMES
    assert sorted(path.stem for path in TWINS.glob("*.json")) == sorted([*NAMES, "study"])
    assert jobs("--small") == jobs()


@pytest.mark.parametrize(("study", "folder"), [("jobs", EXAMPLES), ("small_jobs", TWINS)])
def test_the_study_of_the_jobs_says_what_their_files_say(study: str, folder: Path) -> None:
    place = EXAMPLES / "study"
    experiments = json.loads((place / f"{study}.json").read_text())["experiments"]
    assert list(experiments) == jobs()
    for name, job in experiments.items():
        after = job.get("after", [])
        assert (place / job["file"]).resolve() == folder / f"{name}.json"
        assert job["folder"] == read(folder, name)["output_path"]
        assert set([after] if isinstance(after, str) else after) == sources(folder, name)


def test_a_dry_job_prints_its_whole_command() -> None:
    command = ["sh", str(ROOT / "jobs.sh"), "--dry", "pnas_search", "darts_train"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "python main.py -f examples/pnas_search.json -a ProxylessNasSearcher -o log/pnas/search",
        "python main.py -f examples/darts_train.json -a Trainer -o log/darts/train",
    ]


@pytest.mark.parametrize("flags", [["-j"], ["-j", "0"], ["-jx"], ["--quick"], ["no_such_job"]])
def test_wrong_flags_of_jobs_are_refused(flags: list[str]) -> None:
    done = subprocess.run(["sh", str(ROOT / "jobs.sh"), *flags], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("jobs.sh: ")


@pytest.mark.parametrize("folder", [EXAMPLES, TWINS], ids=["examples", "small"])
def test_what_a_job_reads_is_written_by_a_job_before_it(folder: Path) -> None:
    order = jobs()
    for position, name in enumerate(order):
        assert sources(folder, name) <= set(order[:position])
    assert len({read(folder, name)["output_path"] for name in NAMES}) == len(NAMES)


def road(algorithm: str | dict[str, Any]) -> dict[str, Any]:
    """Return an algorithm's name and options, sizes and files apart."""
    options = {"name": algorithm} if isinstance(algorithm, str) else dict(algorithm)
    for size in ("arch_samples", "evaluations", "population", "sample"):
        options.pop(size, None)
    judge = {k: v for k, v in evaluator(algorithm).items() if k not in ("weights", "recalibrate")}
    return {**options, "evaluator": judge}


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_takes_the_same_road_and_spells_it_out(name: str) -> None:
    big, small = read(EXAMPLES, name), read(TWINS, name)
    assert small["output_path"] == big["output_path"].replace("log/", "log/small/", 1)
    assert sources(TWINS, name) == sources(EXAMPLES, name)
    for content in (big, small):
        assert {"dataset", "input_shape", "algorithm", "search", "epoch"} <= content.keys()
        for phase in ("train", "valid"):
            assert content[f"batch_size_{phase}"] % content[f"mini_batch_{phase}"] == 0
    spelled = {"batch_size_train", "batch_size_valid", "mini_batch_train", "mini_batch_valid"}
    assert small.keys() >= spelled | {"train_portion", "network", "optimizer"}
    assert small["search"] == big["search"]
    # A twin may draw fewer samples, but learns in the same way.
    assert road(small["algorithm"]) == road(big["algorithm"])
    assert small["network"]["search_space"] == big["network"]["search_space"]
    assert small["optimizer"].keys() == big["optimizer"].keys()
    assert bool(small.get("warmup")) == bool(big.get("warmup"))


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_of_a_twin_needs_no_other_job(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["-f", str(TWINS / f"{name}.json"), "--dry-run", "-c", "cpu"]) == 0
    assert "multiply-adds:" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def three_updates(twin: dict[str, Any]) -> list[str]:
    """Return the flags that make an epoch of a twin three updates on few generated images."""
    named = twin["dataset"] if isinstance(twin["dataset"], dict) else {}
    portion = twin["train_portion"]
    n_classes = named.get("n_classes", 10)
    n_train = max(ceil(UPDATES * BATCH / portion), n_classes)
    kept_back = n_train - round(portion * n_train)
    batch_valid = max(1, min(BATCH, kept_back))
    dataset = {"name": "synthetic", "n_classes": n_classes, "n_train": n_train, "n_test": BATCH}
    accumulates = twin["mini_batch_train"] < twin["batch_size_train"]
    values = {
        "dataset": dataset,
        "epoch": 1,
        "warmup": min(1, twin.get("warmup", 0)),
        "batch_size_train": BATCH,
        "mini_batch_train": BATCH // 2 if accumulates else BATCH,
        "batch_size_valid": batch_valid,
        "mini_batch_valid": batch_valid,
        "print_frequency": 1,
    }
    if evaluator(twin["algorithm"]):
        values["algorithm.evaluations"] = UPDATES
    return [part for key, value in values.items() for part in ("-x", f"{key}={json.dumps(value)}")]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Return what runs a twin once, after those whose output it reads, and gives its folder."""
    folders: dict[str, Path] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("twins"))

        def run(name: str) -> Path:
            if name not in folders:
                for source in sorted(sources(TWINS, name)):
                    run(source)
                twin = read(TWINS, name)
                flags = ["-c", "cpu", "--no-visualize", *three_updates(twin)]
                assert main(["-f", str(TWINS / f"{name}.json"), *flags]) == 0
                folders[name] = Path(twin["output_path"]).resolve()
            return folders[name]

        yield run


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_runs_and_builds_what_was_found_before_it(
    name: str, ran: Callable[[str], Path]
) -> None:
    folder, twin = ran(name), read(TWINS, name)
    result = json.loads((folder / "result.json").read_text())
    epochs = 2 if twin["search"] and twin.get("warmup") else 1
    assert (result["status"], result["epochs"]) == ("finished", epochs)
    assert result["updates"] == UPDATES * epochs
    assert (folder / "weights.h5").exists()
    assert (folder / "arch.h5").exists() == twin["search"]
    genotype = twin["network"].get("genotype") or twin["network"].get("param_path")
    if genotype:
        # The search is the one whose file is read: it counted what is now built.
        searches = (read(TWINS, source) for source in sources(TWINS, name))
        (search,) = (s for s in searches if s["output_path"] == str(Path(genotype).parent))
        found = json.loads(Path(search["output_path"], "result.json").read_text())
        assert result["parameters"] == found["parameters"]
        if search["input_shape"] == twin["input_shape"]:
            assert result["multiply_adds"] == found["multiply_adds"]
