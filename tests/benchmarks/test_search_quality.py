"""The criterion of the search benchmark, on given architecture parameters, and its table."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.search_space.darts.operations import OPERATIONS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    yield
    for name in ("search_quality", "operations_alone"):
        sys.modules.pop(name, None)


def benchmark(name: str = "search_quality") -> Any:
    return importlib.import_module(name)


def alphas(*edges: dict[str, float]) -> np.ndarray:
    """Return architecture parameters: the named operations' weights, of the others 1."""
    return np.log([[edge.get(name, 1.0) for name in OPERATIONS] for edge in edges])


def test_the_stronger_edge_is_judged_wherever_it_starts() -> None:
    strong, weak = {"sep_conv_5x5": 6.0, "skip_connect": 2.0}, {"max_pool_3x3": 1.5}
    for edges in ((strong, weak), (weak, strong)):
        found = benchmark().preference(alphas(*edges))
        assert found.kept == ("sep_conv_5x5", "max_pool_3x3")
        assert found.over_parameter_free == pytest.approx(3)
        assert found.over_none == pytest.approx(6)
        assert found.kept_convolutions == [True, False]
        assert found.alphas[OPERATIONS.index("sep_conv_5x5")] == pytest.approx(np.log(6) / 2)
        assert found.convolutions


@pytest.mark.parametrize(
    ("stronger", "why"),
    [
        ({"dil_conv_3x3": 1.9}, "not twice as probable as the best pooling or skip_connect"),
        ({"dil_conv_3x3": 4.0, "avg_pool_3x3": 3.0}, "the best one counts, not their mean"),
        ({"skip_connect": 4.0}, "a skip_connect is kept"),
        ({"sep_conv_3x3": 4.0, "none": 5.0}, "none is more probable: the path is closed"),
    ],
)
def test_the_criterion_fails(stronger: dict[str, float], why: str) -> None:
    assert not benchmark().preference(alphas(stronger, {})).convolutions, why


def test_without_a_search_nothing_is_preferred() -> None:
    found = benchmark().preference(np.zeros((2, len(OPERATIONS))))
    assert found.over_parameter_free == found.over_none == pytest.approx(1)
    assert not found.convolutions


def test_the_table_has_a_row_for_each_seed_and_kind_of_labels(
    capsys: pytest.CaptureFixture[str],
) -> None:
    benchmark().run(["--seeds", "1", "--first", "7", "--images", "128"])
    lines = capsys.readouterr().out.splitlines()
    assert [re.match(r"\| 7 \| (\w+) \|", line)[1] for line in lines[2:4]] == ["true", "shuffled"]  # type: ignore[index]
    assert lines[4].startswith("true labels: the criterion holds for 0 of 1")
    assert lines[6].startswith("shuffled labels: the criterion holds for 0 of 1")
    assert [line.split(":")[0] for line in (lines[5], lines[7])] == [
        f"{labels} labels, mean architecture parameters" for labels in ("true", "shuffled")
    ]


def test_every_operation_but_none_is_trained_alone(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark("operations_alone").run(["--seeds", "1", "--images", "64", "--epochs", "1"])
    rows = [line.split(" | ")[0].strip("| ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == [name for name in OPERATIONS if name != "none"]


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--first", "-1"]])
def test_seeds_out_of_range_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        benchmark().run(arguments)
    assert caught.value.code == 2
