"""The modules that networks are made of: `import nnabla_nas.module as Mo`."""

from nnabla_nas.module.activation import Hsigmoid, Hswish, LeakyReLU, ReLU, ReLU6
from nnabla_nas.module.batch_normalization import BatchNormalization
from nnabla_nas.module.choice import Choice
from nnabla_nas.module.containers import ModuleList, ParameterList, Sequential
from nnabla_nas.module.convolution import Conv
from nnabla_nas.module.depthwise_convolution import DwConv
from nnabla_nas.module.dropout import Dropout
from nnabla_nas.module.identity import Identity
from nnabla_nas.module.linear import Linear
from nnabla_nas.module.merging import Merging
from nnabla_nas.module.mixed_op import MixedOp
from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Parameter
from nnabla_nas.module.pooling import AvgPool, GlobalAvgPool, MaxPool
from nnabla_nas.module.random_input import RandomInput
from nnabla_nas.module.wrapped_function import Lambda
from nnabla_nas.module.zero import Zero

__all__ = [
    "AvgPool",
    "BatchNormalization",
    "Choice",
    "Conv",
    "Dropout",
    "DwConv",
    "GlobalAvgPool",
    "Hsigmoid",
    "Hswish",
    "Identity",
    "Lambda",
    "LeakyReLU",
    "Linear",
    "MaxPool",
    "Merging",
    "MixedOp",
    "Module",
    "ModuleList",
    "Parameter",
    "ParameterList",
    "RandomInput",
    "ReLU",
    "ReLU6",
    "Sequential",
    "Zero",
]
