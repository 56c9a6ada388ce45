"""Data sets, their split, augmentation and the stream of batches."""

from nnabla_nas.dataset.dataset import (
    ArrayImages,
    Batch,
    Data,
    Dataset,
    DatasetInfo,
    Images,
    RandomViews,
)
from nnabla_nas.dataset.loader import Loader, in_order
from nnabla_nas.dataset.transforms import Transform, evaluation_transform, training_transform

__all__ = [
    "ArrayImages",
    "Batch",
    "Data",
    "Dataset",
    "DatasetInfo",
    "Images",
    "Loader",
    "RandomViews",
    "Transform",
    "evaluation_transform",
    "in_order",
    "training_transform",
]
