"""Activation functions."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.building import builder, connected
from nnabla_nas.function.clipping import Relu6
from nnabla_nas.function.form import fast_on_cpu


def relu(x: nn.Variable) -> nn.Variable:
    """Return max(x, 0).

    Args:
        x: any shape.
    """
    fast = builder(x)
    return F.relu(x) if fast is None else fast.activation(x, six=False)


def relu6(x: nn.Variable) -> nn.Variable:
    """Return min(max(x, 0), 6); a NaN stays one, so that a divergence shows.

    Args:
        x: any shape.
    """
    fast = builder(x)
    if fast is not None:
        return fast.activation(x, six=True)
    return Relu6()(x) if fast_on_cpu() else F.relu6(x)


def leaky_relu(x: nn.Variable, alpha: float = 0.1) -> nn.Variable:
    """Return x where it is positive and alpha · x elsewhere.

    Source: Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013,
    equation 3.

    Args:
        x: any shape.
        alpha: the slope of the negative side.
    """
    return F.leaky_relu(connected(x), alpha)


def hard_sigmoid(x: nn.Variable) -> nn.Variable:
    """Return relu6(x + 3) / 6, the sigmoid in three straight pieces.

    Source: Howard et al., "Searching for MobileNetV3", 2019, section 5.2. nnabla's function of this
    name is another: its slope is 0.2, the one here has 1/6.

    Args:
        x: any shape.
    """
    return F.mul_scalar(connected(relu6(F.add_scalar(connected(x), 3.0))), 1.0 / 6.0)


def hard_swish(x: nn.Variable) -> nn.Variable:
    """Return x · relu6(x + 3) / 6.

    Source: Howard et al., "Searching for MobileNetV3", 2019, section 5.2.

    Args:
        x: any shape.
    """
    return F.mul2(connected(x), connected(hard_sigmoid(x)))
