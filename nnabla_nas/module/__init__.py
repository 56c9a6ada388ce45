"""The modules that networks are made of: `import nnabla_nas.module as Mo`."""

from nnabla_nas.module.activation import ReLU, ReLU6
from nnabla_nas.module.batch_normalization import BatchNormalization
from nnabla_nas.module.choice import Choice
from nnabla_nas.module.containers import ModuleList, ParameterList, Sequential
from nnabla_nas.module.convolution import Conv
from nnabla_nas.module.dropout import Dropout
from nnabla_nas.module.identity import Identity
from nnabla_nas.module.linear import Linear
from nnabla_nas.module.mixed_op import MixedOp
from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Parameter
from nnabla_nas.module.pooling import GlobalAvgPool
from nnabla_nas.module.random_input import RandomInput
from nnabla_nas.module.zero import Zero

__all__ = [
    "BatchNormalization",
    "Choice",
    "Conv",
    "Dropout",
    "GlobalAvgPool",
    "Identity",
    "Linear",
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
