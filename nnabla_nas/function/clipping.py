"""ReLU6 on the CPU: numpy's clip, several times faster than nnabla's loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from nnabla.function import PythonFunction


class Relu6(PythonFunction):  # type: ignore[misc]
    """min(max(x, 0), 6); a NaN stays one. The gradient is zero at 0 and at 6, as in nnabla."""

    @property
    def name(self) -> str:
        """The name graphs show."""
        return "Relu6"

    def min_outputs(self) -> int:
        """Return the number of outputs."""
        return 1

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Give the output the input's shape.

        Args:
            inputs: one variable.
            outputs: one variable.
        """
        outputs[0].reset_shape(inputs[0].shape, True)

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Clip.

        Args:
            inputs: one variable.
            outputs: one variable.
        """
        np.clip(inputs[0].data.data, 0.0, 6.0, out=outputs[0].data.data, casting="unsafe")

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Let the gradient through where the output is neither 0 nor 6.

        Args:
            inputs: one variable.
            outputs: one variable.
            propagate_down: whether the input needs a gradient.
            accum: whether to add to the gradient that is there.
        """
        if not propagate_down[0]:
            return
        y = outputs[0].data.data
        passes = (y != 0.0) & (y != 6.0)
        if accum[0]:
            inputs[0].grad.data[...] += outputs[0].grad.data * passes
        else:
            np.multiply(outputs[0].grad.data, passes, out=inputs[0].grad.data)

    def grad_depends_output_data(self, i: int, o: int) -> bool:
        """Return that the gradient is computed from the output.

        Args:
            i: index of the input.
            o: index of the output.
        """
        return True

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        """Return that the gradient does not need the input.

        Args:
            i: index of an input.
            j: index of an input.
        """
        return False
