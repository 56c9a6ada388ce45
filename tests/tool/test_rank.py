"""`rank`: how well a super-network's weights rank architectures."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.runner.ranking import agreement, rank
from nnabla_nas.testing import TOY_SPACE, small_experiment
from nnabla_nas.testing.experiment import run_experiment

NETWORK = {"search_space": TOY_SPACE, "n_blocks": 3}


@pytest.fixture(scope="module")
def super_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rank") / "oneshot"
    run_experiment(small_experiment("OneShotTrainer", NETWORK), str(folder))
    return folder


def test_a_judge_that_orders_alike_agrees() -> None:
    true = np.random.default_rng(0).random(40)
    found = agreement("x", true + 0.1, true)
    assert found.kendall == pytest.approx((1, 1, 1))
    assert found.spearman == pytest.approx((1, 1, 1))
    assert (found.precision, found.gap) == (1, pytest.approx(0.1))
    opposite = agreement("x", -true, true, is_error=False)
    assert opposite.kendall[0] == -1
    assert (opposite.precision, opposite.gap) == (0, None)


def test_an_interval_holds_what_is_so_without_it() -> None:
    generator = np.random.default_rng(1)
    true = generator.random(60)
    kendall = agreement("x", true + generator.normal(0, 0.3, 60), true).kendall
    assert kendall[1] < kendall[0] < kendall[2]
    assert kendall[2] - kendall[1] < 0.5
    noise = agreement("x", generator.random(60), true).kendall
    assert noise[1] < 0 < noise[2]


def test_a_judge_that_says_always_the_same_agrees_with_nothing() -> None:
    found = agreement("x", np.zeros(10), np.arange(10.0))
    assert (found.kendall[0], found.spearman[0]) == (0, 0)


def test_a_table_of_multiply_adds_is_ranked_by_multiply_adds(
    super_network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # In the toy space convolutions of 3x3 cost 9 times those of 1x1, and skipping nothing.
    rows = {
        "".join(map(str, code)): {"mean_acc": 50.0 + sum((9, 1, 0)[op] for op in code)}
        for code in product(range(3), repeat=3)
    }
    table = tmp_path / "table.json"
    table.write_text(json.dumps(rows))
    before = {path: path.read_bytes() for path in super_network.rglob("*") if path.is_file()}
    assert main(["rank", str(super_network), "--truth", str(table), "--architectures", "20"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("| multiply-adds alone | 1.00 (1.00 to 1.00) | 1.00 (1.00 to 1.00) |")
    after = {path: path.read_bytes() for path in super_network.rglob("*") if path.is_file()}
    assert after == before


def test_training_gives_the_truth_and_the_same_every_time(super_network: Path) -> None:
    said: list[str] = []
    first = rank(super_network, None, 3, epochs=1, recalibrate=2, say=said.append)
    assert [line.split(":")[0] for line in said] == [f"trained {n} of 3" for n in (1, 2, 3)]
    assert rank(super_network, None, 3, epochs=1, recalibrate=2, say=said.append) == first


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "give one of --truth TABLE and --train N"),
        (["--truth", "x", "--train", "3"], "give one of --truth TABLE and --train N"),
        (["--train", "0"], "allowed --train, --architectures, --epoch and --recalibrate >= 1"),
        (["--train", "2"], "got 2 architectures; allowed 3 or more"),
        (["--truth", "none.json"], "none.json: cannot be read: No such file or directory"),
    ],
)
def test_wrong_flags_are_one_line(
    super_network: Path, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rank", str(super_network), *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_table_of_another_space_and_a_training_are_refused(
    super_network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.json").write_text('{"0123": {"mean_acc": 1}}')
    assert main(["rank", str(super_network), "--truth", str(tmp_path / "t.json")]) == 2
    assert "'0-1-2-3' is no architecture of this search space" in capsys.readouterr().err
    assert main(["rank", str(tmp_path), "--train", "3"]) == 2
    assert "holds no run: there is no config.json in it" in capsys.readouterr().err
