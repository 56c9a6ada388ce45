from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnabla_nas.artifact import Trajectory
from nnabla_nas.errors import NasError


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_header_once_and_missing_values_empty(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.csv"
    Trajectory(path).append("warmup", 1, 20, 1.5, 1280, loss_train=2.25, learning_rate=0.1)
    Trajectory(path).append("search", 1, 40, 3.0, 2560, reward=0.5, changed_choices=3)
    assert path.read_text() == (
        "phase,epoch,step,seconds,examples,loss_train,error_train,loss_valid,error_valid,"
        "error_test,reward,entropy,changed_choices,learning_rate\n"
        "warmup,1,20,1.5,1280,2.25,,,,,,,,0.1\n"
        "search,1,40,3.0,2560,,,,,,0.5,,3,\n"
    )


@settings(max_examples=30)
@given(st.floats(allow_nan=False), st.floats(width=32, allow_nan=False))
def test_floats_read_back_as_the_same_floats(
    tmp_path_factory: pytest.TempPathFactory, double: float, single: float
) -> None:
    path = tmp_path_factory.mktemp("t") / "trajectory.csv"
    Trajectory(path).append("train", 1, 1, 0.1, 1, error_test=double, entropy=np.float32(single))
    (row,) = rows(path)
    assert float(row["error_test"]) == double
    assert float(row["entropy"]) == np.float32(single)


def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(NasError, match="cannot write '/dev/full': No space left on device"):
        Trajectory(Path("/dev/full")).append("train", 1, 1, 0.1, 1)
