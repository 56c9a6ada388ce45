"""A place in a network at which an operation is chosen."""

from __future__ import annotations

import nnabla as nn

import nnabla_nas.module as Mo


class ChoiceBlock(Mo.Module):
    """A place at which an operation is chosen.

    Args:
        mixed: the choice while searching; the chosen operation itself in a network to train.
    """

    def __init__(self, mixed: Mo.Module) -> None:
        self._mixed = mixed

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the choice.

        Args:
            x: (B, C, H, W).
        """
        return self._mixed(x)
