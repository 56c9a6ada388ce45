from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnabla_nas.dataset
from nnabla_nas.dataset.split import split
from nnabla_nas.errors import DataError

ROOT = Path(nnabla_nas.dataset.__file__).parents[2]

portions = st.one_of(
    st.floats(0, 1, exclude_min=True),
    st.integers(1, 100).map(lambda percent: percent / 100),
)
class_sizes = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any)


def labels_of(sizes: list[int], seed: int) -> npt.NDArray[np.int64]:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).permutation(labels)


@settings(max_examples=150, deadline=None)
@given(class_sizes, portions, st.integers(0, 2**40))
def test_parts_are_disjoint_complete_sorted_and_stratified(
    sizes: list[int], portion: float, seed: int
) -> None:
    labels = labels_of(sizes, seed % 1000)
    first, second = split(labels, portion, seed)
    assert first.dtype == second.dtype == np.int64
    assert np.all(np.diff(first) > 0)
    assert np.all(np.diff(second) > 0)
    assert sorted([*first, *second]) == list(range(len(labels)))
    assert len(first) == round(portion * len(labels))
    for label, size in enumerate(sizes):
        share = np.count_nonzero(labels[first] == label)
        assert abs(share - portion * size) < 1


@given(class_sizes, st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_portion_one_leaves_the_second_part_empty(sizes: list[int], seed: int) -> None:
    first, second = split(labels_of(sizes, seed), 1, seed)
    np.testing.assert_array_equal(first, np.arange(sum(sizes)))
    assert second.shape == (0,)


def test_the_seed_decides_which_examples() -> None:
    labels = np.arange(200) % 10
    first, _ = split(labels, 0.5, 3)
    np.testing.assert_array_equal(first, split(labels.tolist(), 0.5, 3)[0])
    assert not np.array_equal(first, split(labels, 0.5, 4)[0])


def test_classes_of_one_example_share_both_parts_without_preference() -> None:
    counts = np.zeros(10)
    for seed in range(400):
        counts[split(np.arange(10), 0.5, seed)[0]] += 1
    # each class is in the first part half of the time: 200, standard deviation 10
    assert np.all(abs(counts - 200) < 50)


def test_fresh_processes_agree() -> None:
    program = (
        "import numpy as np; from nnabla_nas.dataset.split import split;"
        "parts = split(np.arange(997) % 7, 0.37, 11);"
        "print([part.tolist() for part in parts])"
    )
    here = str([part.tolist() for part in split(np.arange(997) % 7, 0.37, 11)])
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == here


@pytest.mark.parametrize("portion", [0, -0.1, 1.01, float("nan")])
def test_a_portion_out_of_range_is_refused(portion: float) -> None:
    with pytest.raises(DataError, match=r"^train_portion: got .*; allowed 0 < p <= 1$"):
        split([0, 1], portion, 0)
