"""Where values enter a graph of static modules."""

from __future__ import annotations

import nnabla as nn

from nnabla_nas.module.static.module import Module


class Input(Module):
    """A node whose output is set from outside.

    Args:
        value: the output; None until it is known.
        name: what drawings and messages call the node.
        eval_prob: the probability that the node is evaluated.
    """

    def __init__(
        self, value: nn.Variable | None = None, name: str = "", eval_prob: float | None = None
    ) -> None:
        super().__init__((), name, eval_prob)
        self._value = value

    @property
    def value(self) -> nn.Variable | None:
        """The output; setting it resets every node that depends on it."""
        return self._value

    @value.setter
    def value(self, value: nn.Variable | None) -> None:
        self._value = value
        self.reset_value()

    def call(self) -> nn.Variable:
        """Return the value.

        Raises:
            RuntimeError: if it was not set.
        """
        if self._value is None:
            raise RuntimeError(f"{self._label()}: the value is not set")
        return self._value
