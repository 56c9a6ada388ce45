"""Parameters of networks that compute in half precision."""

from __future__ import annotations

from typing import TypeVar

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.form import in_float, in_half

Parameter = TypeVar("Parameter", nn.Variable, None)


def kept_in_float(parameter: Parameter) -> Parameter:
    """Return what a function is given in the place of a parameter, so that this stays float32.

    nnabla converts an array for good when a function asks for another type: half precision would
    round the parameter itself in every pass, and small updates would be lost. So the function gets
    a copy made in float, and the gradient comes back through it in float as well. Where the run
    computes in float it is the parameter.

    Source: Micikevicius et al., "Mixed Precision Training", 2018, section 3.1.

    Args:
        parameter: a parameter that a function reads; None stays None.
    """
    if parameter is None or not in_half():
        return parameter
    with in_float():
        return F.identity(parameter)
