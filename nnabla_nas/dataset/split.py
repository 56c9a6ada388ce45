"""The split of a training set: one part trains, the rest validates."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nnabla_nas.errors import DataError
from nnabla_nas.random import Streams


def split(
    labels: npt.ArrayLike, train_portion: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split examples into two parts, stratified by class, disjoint and complete.

    The result depends on the arguments alone, so every process and every restart gets the same.

    Args:
        labels: the class of each example, (n,).
        train_portion: share p of the first part, 0 < p <= 1.
        seed: the experiment's seed.

    Returns:
        The sorted indices of both parts. The first has round(p * n) examples, and of each class
        a number that differs from p * n_class by less than 1.

    Raises:
        DataError: if train_portion is out of range.
    """
    if not 0 < train_portion <= 1:
        raise DataError(f"train_portion: got {train_portion}; allowed 0 < p <= 1")
    labels = np.asarray(labels)
    stream = Streams(seed).derived("split")
    _, sizes = np.unique(labels, return_counts=True)
    shares = _shares(sizes, train_portion, stream)
    by_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes))[:-1]
    first = np.zeros(len(labels), dtype=bool)
    for members, share in zip(by_class, shares, strict=True):
        first[stream.permutation(members)[:share]] = True
    return np.flatnonzero(first), np.flatnonzero(~first)


def _shares(
    sizes: npt.NDArray[np.int64], portion: float, stream: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return how many examples of each class go to the first part, by largest remainder."""
    quotas = [portion * int(size) for size in sizes]
    shares = np.array([math.floor(quota) for quota in quotas], dtype=np.int64)
    missing = round(portion * int(sizes.sum())) - int(shares.sum())
    remainders = np.array(quotas, dtype=np.float64) - shares
    # A random second key, or equal remainders would always favour the classes of low number.
    order = np.lexsort((stream.permutation(len(sizes)), -remainders))
    shares[order[:missing]] += 1
    return shares
