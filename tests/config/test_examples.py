"""The examples: what they say suits each other, on their own data set and on generated images."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnabla_nas.config import read_experiment
from nnabla_nas.config.completion import build_dataset, complete
from nnabla_nas.errors import InputError

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_generated_images_stand_in_for_any_data_set(path: Path) -> None:
    given = read_experiment(str(path))
    experiment, _ = complete(read_experiment(str(path), {}, ["dataset=synthetic"]))
    info = build_dataset(experiment).info
    assert info.shape == experiment.input_shape
    arguments = experiment.network.arguments
    assert info.n_classes == arguments.get("num_classes", arguments.get("n_classes"))
    assert (experiment.batch_size_train, experiment.train_portion) == (
        given.batch_size_train,
        complete(given)[0].train_portion,
    )
    # Written out, so that a run says what it was made of.
    assert experiment.dataset.options["n_train"] == info.n_train


def test_sizes_that_are_given_stay() -> None:
    path = str(next(path for path in EXAMPLES if path.stem == "pnas_search"))
    with pytest.raises(InputError, match="batch_size_valid"):
        complete(
            read_experiment(path, {}, ['dataset={"name":"synthetic","n_train":1024,"n_test":5}'])
        )
    experiment, _ = complete(read_experiment(path, {}, ["dataset=synthetic"]))
    assert experiment.dataset.options["n_train"] in (2560, 2561)


def test_a_batch_beyond_reason_is_the_fault_of_the_batch() -> None:
    path = str(EXAMPLES[0])
    overrides = ["dataset=synthetic", "batch_size_train=1000000000", "mini_batch_train=1"]
    with pytest.raises(InputError, match=r"batch_size_train: got 1000000000; allowed at most"):
        complete(read_experiment(path, {}, overrides))
