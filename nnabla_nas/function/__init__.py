"""The differentiable functions modules are made of, one name each, a form per device."""

from nnabla_nas.function.activation import relu, relu6
from nnabla_nas.function.convolution import affine, convolution
from nnabla_nas.function.form import on_cpu, plain
from nnabla_nas.function.import_lookups import shorten_import_lookups
from nnabla_nas.function.loss import cross_entropy, top_1_error
from nnabla_nas.function.mixture import choose, mix, set_active
from nnabla_nas.function.normalization import batch_normalization
from nnabla_nas.function.pooling import global_average_pooling, subsample

shorten_import_lookups()

__all__ = [
    "affine",
    "batch_normalization",
    "choose",
    "convolution",
    "cross_entropy",
    "global_average_pooling",
    "mix",
    "on_cpu",
    "plain",
    "relu",
    "relu6",
    "set_active",
    "subsample",
    "top_1_error",
]
