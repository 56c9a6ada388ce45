"""Searches that judge whole architectures: bounds, order, and going on from candidates.csv."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.cli import main
from nnabla_nas.errors import InputError
from nnabla_nas.runner.candidates import Candidate, Judgement, best_of
from nnabla_nas.runner.judged_pareto import front
from nnabla_nas.testing import TOY_SPACE, small_experiment
from nnabla_nas.testing.experiment import completed, opened_runner, run_experiment

ALGORITHMS = (
    "RandomSearcher",
    "RegularizedEvolutionSearcher",
    "LocalSearcher",
    "TpeSearcher",
    "NsgaSearcher",
)
BLOCKS = 5
NETWORK = {"search_space": TOY_SPACE, "n_blocks": BLOCKS}
# The operations of the toy space cost in this order.
CHEAPEST = (2, 1, 0)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a table of the toy space's architectures: every convolution helps, the last most."""
    path = tmp_path_factory.mktemp("table") / "table.json"
    rows = {}
    for code in product(range(3), repeat=BLOCKS):
        gain = sum((position + 1) * CHEAPEST.index(op) for position, op in enumerate(code))
        accuracies = [60 + gain - 0.1, 60 + gain + 0.1]
        rows["".join(map(str, code))] = {"test_acc": accuracies, "mean_acc": 60.0 + gain}
    path.write_text(json.dumps(rows))
    return path


def search(name: str, table: Path, **changes: Any) -> dict[str, Any]:
    algorithm = {
        "name": name,
        "evaluations": changes.pop("evaluations", 30),
        "evaluator": {"name": "Table", "path": str(table)},
    }
    return small_experiment(algorithm, NETWORK, {"epoch": 4, **changes})


def rows(folder: RunFolder) -> list[dict[str, str]]:
    with folder.candidates.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_what_is_judged_is_within_the_bound_and_judged_once(
    name: str, table: Path, tmp_path: Path
) -> None:
    bound = {"size": {"name": "FLOPsEstimator", "bound": 20_000, "hard": True}}
    content = search(name, table, regularizer=bound)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder = run_experiment(content, str(tmp_path / "run"))
    judged = rows(folder)
    costs = [float(row["size (multiply-adds)"]) for row in judged]
    assert max(costs) <= 20_000
    assert len({row["code"] for row in judged}) == len(judged) == 30
    assert [int(row["order"]) for row in judged] == list(range(1, 31))
    result = json.loads(folder.result.read_text())
    errors = [float(row["error"]) for row in judged]
    assert result["metrics"]["valid"] == {"error": min(errors)}
    assert result["constraints"]["size"]["met"]
    # The network decodes to the best one, and costs what its row says.
    assert result["multiply_adds"] == costs[int(np.argmin(errors))]
    found = json.loads(folder.arch_json.read_text())["choices"]
    assert (
        "; ".join(c["operation"] for c in found) == judged[int(np.argmin(errors))]["architecture"]
    )


@pytest.mark.parametrize("name", ALGORITHMS[1:4])
def test_it_finds_better_than_chance_would(name: str, table: Path, tmp_path: Path) -> None:
    found = []
    for seed in range(2):
        folder = run_experiment(search(name, table), str(tmp_path / f"{seed}"), seed=seed)
        found.append(min(float(row["error"]) for row in rows(folder)))
    errors = 1 - np.array([row["mean_acc"] for row in json.loads(table.read_text()).values()]) / 100
    # So good is the best of 30 draws without replacement in half of all cases.
    chance = np.quantile(errors, 1 - 0.5 ** (1 / 30))
    assert np.mean(found) < chance


def test_all_architectures_within_a_tight_bound_are_judged(table: Path, tmp_path: Path) -> None:
    content = search("RegularizedEvolutionSearcher", table, evaluations=200)
    with opened_runner(
        completed(content, str(tmp_path / "a")), RunFolder(tmp_path / "a")
    ) as runner:
        costs = sorted(
            runner.allowed.costs(code)["multiply_adds"] for code in runner.encoding.all()
        )
    bound = {"size": {"name": "FLOPsEstimator", "bound": costs[11], "hard": True}}
    folder = run_experiment({**content, "regularizer": bound}, str(tmp_path / "run"))
    assert len(rows(folder)) == sum(cost <= costs[11] for cost in costs)


def test_a_bound_that_nothing_keeps_is_said_and_widened(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bound = {"size": {"name": "FLOPsEstimator", "bound": 1, "hard": True}}
    path = tmp_path / "search.json"
    path.write_text(json.dumps(search("LocalSearcher", table, regularizer=bound)))
    assert main(["-f", str(path), "-o", str(tmp_path / "run"), "--no-visualize"]) == 3
    assert "above the bound of 1 multiply-adds" in capsys.readouterr().out
    assert [row["code"] for row in rows(RunFolder(tmp_path / "run"))] == ["2-2-2-2-2"]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, "torn") for name in ALGORITHMS),
        *(("NsgaSearcher", d) for d in ("longer", "gone", "odd")),
    ],
)
def test_a_search_goes_on_from_its_candidates(
    name: str, damage: str, table: Path, tmp_path: Path
) -> None:
    path, flags = tmp_path / "search.json", ["--no-visualize"]
    path.write_text(json.dumps(search(name, table, evaluations=12)))
    command = ["-f", str(path), "-o", str(tmp_path / "run"), *flags]
    with redirect_stdout(io.StringIO()):
        assert main(command) == 0
    folder = RunFolder(tmp_path / "run")
    judged = [row["code"] for row in rows(folder)]
    files = {p: p.read_bytes() for p in (folder.arch_h5, folder.weights, folder.pareto_csv)}
    lines = folder.candidates.read_text().splitlines(keepends=True)
    kept = {"torn": [*lines[:8], lines[8][:9]], "longer": lines, "gone": []}
    kept["odd"] = [*lines[:5], lines[5].replace(",0.", ",nan"), *lines[6:8], "\0\n"]
    folder.candidates.write_text("".join(kept[damage]))
    if damage == "longer":
        # As if it had been killed before its second checkpoint.
        for newer in sorted(folder.checkpoint.iterdir())[1:]:
            for file in newer.iterdir():
                file.unlink()
            newer.rmdir()
    folder.result.unlink()
    with redirect_stdout(io.StringIO()):
        assert main([*command, "--resume"]) == 0
    assert [row["code"] for row in rows(folder)] == judged
    assert {p: p.read_bytes() for p in files} == files


def test_optuna_is_not_imported_where_nothing_needs_it() -> None:
    program = (
        "import sys; from nnabla_nas.registry import runners; from nnabla_nas.cli import main; "
        "main(['list']); runners.get('RegularizedEvolutionSearcher'); runners.get('TpeSearcher'); "
        "sys.exit('optuna' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def candidate(error: float, cost: float, epochs: int = 0) -> Candidate:
    return Candidate((0,), Judgement(error, 0, epochs), {"c": cost}, error)


def test_the_front_holds_what_nothing_beats() -> None:
    points = [(0.5, 1.0), (0.4, 3.0), (0.4, 2.0), (0.45, 2.5), (0.3, 9.0), (0.6, 0.5), (0.3, 10.0)]
    best = front([candidate(*point) for point in points], "c")
    assert [(one.error, one.costs["c"]) for one in best] == [
        (0.6, 0.5),
        (0.5, 1),
        (0.4, 2),
        (0.3, 9),
    ]


def test_who_was_trained_longer_is_compared_with_its_like() -> None:
    short, long = candidate(0.1, 1.0, 1), candidate(0.2, 2.0, 3)
    assert best_of([short, long]) is long
    assert front([short, long], "c") == [long]


_UNKNOWN = "unknown argument; allowed recalibrate, weights; did you mean 'recalibrate'?"
_NAMES = "allowed Inherit, Table, Train, ZeroCost; did you mean 'Table'?"
_OBJECT = "allowed an evaluator's name, or an object with 'name' and its options"
FAULTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown evaluator": (
        {"evaluator": "Tabel"},
        [f'algorithm.evaluator.name: got "Tabel"; {_NAMES}'],
    ),
    "several at once": (
        {"evaluator": {"name": "Inherit", "recalibrat": 3}, "evaluations": 0},
        [
            "algorithm.evaluations: got 0; allowed an integer >= 1",
            f"algorithm.evaluator.recalibrat: {_UNKNOWN}",
            "algorithm.evaluator.weights: is missing; allowed text",
        ],
    ),
    "no object": ({"evaluator": 3}, ["algorithm.evaluator: got 3; allowed an object or text"]),
    "no name": (
        {"evaluator": {"epoch": 3}},
        [f'algorithm.evaluator: got {{"epoch": 3}}; {_OBJECT}'],
    ),
    "not rising": (
        {"evaluator": {"name": "Train", "epoch": [3, 1]}},
        ["algorithm.evaluator.epoch: got [3, 1]; allowed an integer >= 1, or a rising list"],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_wrong_options_are_said_all_at_once(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, expected = FAULTS[name]
    path = tmp_path / "search.json"
    path.write_text(json.dumps(small_experiment({"name": "RandomSearcher", **options}, NETWORK)))
    assert main(["-f", str(path), "-o", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.splitlines() == [f"error: {path}: {line}" for line in expected]


def test_training_needs_to_be_told_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "search.json"
    content = small_experiment({"name": "RandomSearcher", "evaluator": "Train"}, NETWORK)
    path.write_text(json.dumps({**content, "optimizer": {}, "warmup": 0}))
    assert main(["-f", str(path), "-o", str(tmp_path / "run")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "optimizer: got {}; allowed an object with 'train', which Train needs" in line


def test_a_judge_without_errors_takes_hard_bounds_alone(
    tmp_path: Path, build: Callable[..., Any]
) -> None:
    content = small_experiment({"name": "RandomSearcher", "evaluator": "ZeroCost"}, NETWORK)
    content["regularizer"] = {"size": {"name": "FLOPsEstimator", "bound": 2e4}}
    with pytest.raises(InputError, match=r"regularizer.size.hard: got false; allowed true"):
        build(content)


def test_a_soft_bound_raises_what_is_minimised(table: Path, build: Callable[..., Any]) -> None:
    content = search("RandomSearcher", table)
    content["regularizer"] = {"size": {"name": "FLOPsEstimator", "bound": 1e4, "weight": 0.5}}
    runner = build(content)
    one = runner._candidate((0,) * BLOCKS, Judgement(0.2), 0.0)
    assert one.loss == pytest.approx(1 - 0.8 * (1e4 / one.costs["size"]) ** 0.5)
    assert runner._candidate((2,) * BLOCKS, Judgement(0.2), 0.0).loss == pytest.approx(0.2)
