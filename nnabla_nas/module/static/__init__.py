"""Modules that know their graph: `import nnabla_nas.module.static as smo`."""

from nnabla_nas.module.static.graph import Graph
from nnabla_nas.module.static.input import Input
from nnabla_nas.module.static.join import Join
from nnabla_nas.module.static.layers import (
    AvgPool,
    BatchNormalization,
    Collapse,
    Conv,
    Dropout,
    DwConv,
    GlobalAvgPool,
    Identity,
    Linear,
    MaxPool,
    Merging,
    ReLU,
    Zero,
)
from nnabla_nas.module.static.module import Module

__all__ = [
    "AvgPool",
    "BatchNormalization",
    "Collapse",
    "Conv",
    "Dropout",
    "DwConv",
    "GlobalAvgPool",
    "Graph",
    "Identity",
    "Input",
    "Join",
    "Linear",
    "MaxPool",
    "Merging",
    "Module",
    "ReLU",
    "Zero",
]
