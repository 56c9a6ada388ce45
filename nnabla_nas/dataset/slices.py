"""How much of an official data set is read: its first images."""

from __future__ import annotations

from nnabla_nas.errors import DataError


def check_sizes(n_train: int, n_test: int, most_train: int, most_test: int) -> None:
    """Refuse numbers of images that the data set cannot give.

    Args:
        n_train: training images wanted.
        n_test: test images wanted.
        most_train: training images there are.
        most_test: test images there are.

    Raises:
        DataError: if one is out of range.
    """
    faults = [
        f"dataset.{key}: got {value}; allowed 1 to {most}"
        for key, value, most in (("n_train", n_train, most_train), ("n_test", n_test, most_test))
        if not 1 <= value <= most
    ]
    if faults:
        raise DataError(faults)
