"""The differentiable functions modules are made of, one name each, a form per device."""

from nnabla_nas.function.activation import hard_sigmoid, hard_swish, leaky_relu, relu, relu6
from nnabla_nas.function.convolution import affine, convolution, depthwise_convolution
from nnabla_nas.function.folding import fold_batch_normalization
from nnabla_nas.function.form import on_cpu, plain
from nnabla_nas.function.import_lookups import shorten_import_lookups
from nnabla_nas.function.loss import cross_entropy, top_1_error
from nnabla_nas.function.merging import add, concatenate, merge, multiply
from nnabla_nas.function.mixture import choose, gate, mix, set_active
from nnabla_nas.function.normalization import batch_normalization
from nnabla_nas.function.pooling import (
    average_pooling,
    global_average_pooling,
    max_pooling,
    subsample,
)

shorten_import_lookups()

__all__ = [
    "add",
    "affine",
    "average_pooling",
    "batch_normalization",
    "choose",
    "concatenate",
    "convolution",
    "cross_entropy",
    "depthwise_convolution",
    "fold_batch_normalization",
    "gate",
    "global_average_pooling",
    "hard_sigmoid",
    "hard_swish",
    "leaky_relu",
    "max_pooling",
    "merge",
    "mix",
    "multiply",
    "on_cpu",
    "plain",
    "relu",
    "relu6",
    "set_active",
    "subsample",
    "top_1_error",
]
