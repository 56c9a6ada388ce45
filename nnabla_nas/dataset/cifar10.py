"""CIFAR-10."""

from __future__ import annotations

from nnabla_nas.dataset.cifar import Archive, Cifar


class Cifar10(Cifar):
    """60,000 colour photographs of 32x32 pixels in 10 classes."""

    name = "cifar10"
    n_classes = 10
    key = "labels"
    label_bytes = 1
    classes = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )
    python = Archive(
        "cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
        tuple(f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)),
        "cifar-10-batches-py/test_batch",
    )
    binary = Archive(
        "cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
        tuple(f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)),
        "cifar-10-batches-bin/test_batch.bin",
    )
