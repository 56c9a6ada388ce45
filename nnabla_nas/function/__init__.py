"""The differentiable functions modules are made of, one name each, a form per device."""

from nnabla_nas.function.activation import hard_sigmoid, hard_swish, leaky_relu, relu, relu6
from nnabla_nas.function.buffers import Passes, last_backward, same_inputs, without_backward
from nnabla_nas.function.building import Building, connected, has_compiler, keep
from nnabla_nas.function.convolution import (
    affine,
    convolution,
    depthwise_convolution,
    shifted_convolution,
)
from nnabla_nas.function.cores import describe_kernels, use_cores
from nnabla_nas.function.folding import fold_batch_normalization
from nnabla_nas.function.form import in_float, on_cpu, plain
from nnabla_nas.function.host_values import host_values
from nnabla_nas.function.import_lookups import shorten_import_lookups
from nnabla_nas.function.lanes import use_lanes
from nnabla_nas.function.loss import cross_entropy, top_1_error
from nnabla_nas.function.master_weights import kept_in_float
from nnabla_nas.function.merging import add, concatenate, merge, multiply, scale_examples
from nnabla_nas.function.mixture import Switch, choose, gate, mix, switch
from nnabla_nas.function.normalization import batch_normalization
from nnabla_nas.function.pooling import (
    average_pooling,
    global_average_pooling,
    max_pooling,
    subsample,
    zeros_like,
)

shorten_import_lookups()

__all__ = [
    "Building",
    "Passes",
    "Switch",
    "add",
    "affine",
    "average_pooling",
    "batch_normalization",
    "choose",
    "concatenate",
    "connected",
    "convolution",
    "cross_entropy",
    "depthwise_convolution",
    "describe_kernels",
    "fold_batch_normalization",
    "gate",
    "global_average_pooling",
    "hard_sigmoid",
    "hard_swish",
    "has_compiler",
    "host_values",
    "in_float",
    "keep",
    "kept_in_float",
    "last_backward",
    "leaky_relu",
    "max_pooling",
    "merge",
    "mix",
    "multiply",
    "on_cpu",
    "plain",
    "relu",
    "relu6",
    "same_inputs",
    "scale_examples",
    "shifted_convolution",
    "subsample",
    "switch",
    "top_1_error",
    "use_cores",
    "use_lanes",
    "without_backward",
    "zeros_like",
]
