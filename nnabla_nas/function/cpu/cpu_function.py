"""What the functions for the CPU have in common."""

from __future__ import annotations

from typing import Any

import nnabla as nn
import numpy as np
from nnabla.function import PythonFunction

_CONTEXT = nn.Context(["cpu:float"], "CpuCachedArray", "0")


def read(array: Any) -> int:
    """Return the address of an array's float32 values.

    Args:
        array: an nnabla array.
    """
    return int(array.data_ptr(np.float32, _CONTEXT))


def write(array: Any) -> int:
    """Return the address of an array whose values will all be written.

    Args:
        array: an nnabla array.
    """
    return int(array.data_ptr(np.float32, _CONTEXT, True))


def gradient(variable: Any, add: bool) -> int:
    """Return the address of a gradient that a kernel adds to.

    Args:
        variable: the input.
        add: whether there is a gradient already; otherwise it becomes zero.
    """
    if not add:
        variable.grad.zero()
    return read(variable.grad)


class CpuFunction(PythonFunction):  # type: ignore[misc]
    """A function of one output on activations (C, H, W, B)."""

    @property
    def name(self) -> str:
        """The name graphs show."""
        return type(self).__name__

    def min_outputs(self) -> int:
        """Return the number of outputs."""
        return 1

    def grad_depends_output_data(self, i: int, o: int) -> bool:
        """Return that no gradient is computed from the output.

        Args:
            i: index of the input.
            o: index of the output.
        """
        return False

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        """Return whether the gradient of one input is computed from the values of another.

        Args:
            i: index of an input.
            j: index of an input.
        """
        return True
