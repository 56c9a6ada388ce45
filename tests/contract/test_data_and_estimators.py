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


# In the toy space all architectures have one peak: that of the first convolution.
SETTINGS = [[16, 2, 1], [24, 1, 2], [32, 1, 2]]
MOBILENET = {"settings": SETTINGS, "in_channels": 1, "stem_stride": 1, "num_classes": 10}
PEAKS = {"ActivationMemoryEstimator"}
# It needs a file: what it adds up is tested where that is written.
TABLES = {"LatencyTable"}
# Ours name the place of their class; other tests register classes.
OURS = {name for name in estimators.names() if isinstance(estimators.entry(name).target, str)}


@pytest.mark.parametrize("name", sorted(OURS - PEAKS - TABLES))
def test_an_estimator_satisfies_the_contract(name: str) -> None:
    check_estimator(estimators.get(name)())


@pytest.mark.parametrize("name", sorted(PEAKS))
def test_an_estimator_of_a_peak_satisfies_the_contract(name: str) -> None:
    check_estimator(estimators.get(name)(), "mobilenet", MOBILENET)
