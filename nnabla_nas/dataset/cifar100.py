"""CIFAR-100."""

from __future__ import annotations

from nnabla_nas.dataset.cifar import Archive, Cifar


class Cifar100(Cifar):
    """60,000 colour photographs of 32x32 pixels in 100 classes, the fine ones."""

    name = "cifar100"
    n_classes = 100
    key = "fine_labels"
    label_bytes = 2
    python = Archive(
        "cifar-100-python.tar.gz",
        "eb9058c3a382ffc7106e4002c42a8d85",
        ("cifar-100-python/train",),
        "cifar-100-python/test",
    )
    binary = Archive(
        "cifar-100-binary.tar.gz",
        "03b5dce01913d631647c71ecec9e9cb8",
        ("cifar-100-binary/train.bin",),
        "cifar-100-binary/test.bin",
    )
