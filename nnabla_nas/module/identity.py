"""The identity."""

from __future__ import annotations

import nnabla as nn

from nnabla_nas.module.module import Module


class Identity(Module):
    """Return the input."""

    def call(self, x: nn.Variable) -> nn.Variable:
        """Return the input.

        Args:
            x: any shape.
        """
        return x
