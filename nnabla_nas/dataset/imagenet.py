"""ImageNet: its sizes."""

from __future__ import annotations

from nnabla_nas.dataset.dataset import DatasetInfo
from nnabla_nas.dataset.declared import Declared


class Imagenet(Declared):
    """1.3 million colour photographs in 1,000 classes, taken as 224x224 pixels.

    O. Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge (2015). The official
    validation set stands in for a test set, as in the papers.
    """

    name = "imagenet"
    info = DatasetInfo(shape=(3, 224, 224), n_classes=1000, n_train=1_281_167, n_test=50_000)
