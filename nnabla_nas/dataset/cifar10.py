"""CIFAR-10: its sizes."""

from __future__ import annotations

from nnabla_nas.dataset.dataset import DatasetInfo
from nnabla_nas.dataset.declared import Declared


class Cifar10(Declared):
    """60,000 colour photographs of 32x32 pixels in 10 classes.

    A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).
    """

    name = "cifar10"
    info = DatasetInfo(shape=(3, 32, 32), n_classes=10, n_train=50_000, n_test=10_000)
