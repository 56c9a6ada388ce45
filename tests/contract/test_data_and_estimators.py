"""The data sets that need no files, and every estimator, run through the contracts."""

from __future__ import annotations

import pytest

from nnabla_nas.dataset.digits import Digits
from nnabla_nas.dataset.synthetic import Synthetic
from nnabla_nas.registry import estimators
from nnabla_nas.testing import check_dataset, check_estimator


@pytest.mark.parametrize(
    "dataset",
    [Digits(), Synthetic((3, 16, 12), n_train=64, n_test=20), Synthetic((1, 8, 8), 7, 3, 30, 9)],
    ids=["digits", "synthetic", "synthetic with other options"],
)
def test_a_data_set_satisfies_the_contract(dataset: Digits | Synthetic) -> None:
    check_dataset(dataset)


@pytest.mark.parametrize("name", estimators.names())
def test_an_estimator_satisfies_the_contract(name: str) -> None:
    check_estimator(estimators.get(name)())
