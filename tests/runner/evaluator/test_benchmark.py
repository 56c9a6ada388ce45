"""Tables of known errors, read from files that nobody vouches for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnabla_nas.errors import InputError
from nnabla_nas.runner.evaluator.benchmark import Benchmark


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_accuracies_in_per_cent_become_errors(tmp_path: Path) -> None:
    rows = {
        "012": {"test_acc": [80.0, 82.0], "mean_acc": 81.0},
        "10-1-2": {"test_acc": [50.0, 60.0]},
    }
    benchmark = Benchmark(write(tmp_path / "table.json", rows))
    assert benchmark.errors == pytest.approx({(0, 1, 2): 0.19, (10, 1, 2): 0.45})
    with pytest.raises(InputError, match=r"holds no architecture 2-2; its first one is 0-1-2"):
        benchmark.error((2, 2))


def test_the_candidates_of_a_search_are_a_table(tmp_path: Path) -> None:
    path = write(tmp_path / "candidates.csv", "order,code,error\n1,0-1,0.25\n2,1-1,0.5\n")
    assert Benchmark(path).errors == {(0, 1): 0.25, (1, 1): 0.5}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.json", "[", "it is no JSON"),
        ("t.json", "[" * 100_000, "it is no JSON"),
        ("t.json", [1], "allowed an object per architecture"),
        ("t.json", {}, "holds no architecture"),
        ("t.json", {"x1": {"mean_acc": 3}}, "'x1' is no architecture"),
        ("t.json", {"01": {"mean_acc": "3"}}, "architecture '01': allowed an object with"),
        ("t.json", {"01": {"test_acc": []}}, "architecture '01': allowed an object with"),
        ("t.json", {"01": {"mean_acc": 101}}, "architecture '01': allowed an object with"),
        ("t.json", '{"01": {"mean_acc": NaN}}', "architecture '01': allowed an object with"),
        ("t.json", {"01": 5}, "architecture '01': allowed an object with"),
        ("t.csv", "a,b\n1,2\n", "allowed columns 'code' and 'error'"),
        ("t.csv", "code,error\n0-1,x\n", "allowed columns 'code' and 'error'"),
        ("t.csv", f"code,error\n{'0' * 200_000},1\n", "allowed columns 'code' and 'error'"),
        ("t.csv", "code,error\n0-1,nan\n", "allowed columns 'code' and 'error'"),
    ],
)
def test_what_is_no_table_is_one_line(
    tmp_path: Path, name: str, content: object, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        Benchmark(write(tmp_path / name, content))
    (line,) = caught.value.faults
    assert said in line
    assert str(tmp_path / name) in line


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Benchmark(tmp_path / "none.json")
