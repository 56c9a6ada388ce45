"""Putting several inputs together."""

from __future__ import annotations

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.function.merging import MERGING_MODES
from nnabla_nas.module.module import Module


class Merging(Module):
    """Concatenate, add or multiply the inputs.

    Args:
        mode: `concat`, `add` or `mul`.
        axis: where `concat` joins the inputs.

    Raises:
        ValueError: for another mode.
    """

    def __init__(self, mode: str, axis: int = 1) -> None:
        if mode not in MERGING_MODES:
            raise ValueError(f"mode must be one of {', '.join(MERGING_MODES)}; got '{mode}'")
        self._mode = mode
        self._axis = axis

    def call(self, *inputs: nn.Variable) -> nn.Variable:
        """Put the inputs together.

        Args:
            inputs: one or more, (B, C, H, W) of one shape; with `concat` the sizes of the joined
                axis may differ.
        """
        return function.merge(inputs, self._mode, self._axis)

    def extra_repr(self) -> str:
        """Return the mode."""
        return f"mode={self._mode}" + (f", axis={self._axis}" if self._mode == "concat" else "")
