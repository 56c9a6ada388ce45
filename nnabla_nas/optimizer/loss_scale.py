"""The factor by which a loss is multiplied so that its gradients do not vanish in half precision.

Source: Micikevicius et al., "Mixed Precision Training", 2018, section 3.2.
"""

from __future__ import annotations

from typing import Any

from nnabla_nas.errors import DivergedError

_FACTOR = 2.0
# Below this it is not the scale that makes gradients overflow.
_SMALLEST = 2.0**-10


class LossScale:
    """A dynamic loss scale: as large as the gradients allow.

    Args:
        scale: the first one; the paper used up to 32K.
        interval: updates without overflow after which it is doubled.
    """

    def __init__(self, scale: float = 2.0**15, interval: int = 2000) -> None:
        self.scale = scale
        self._interval = interval
        self._good = 0

    def adapt(self, finite: bool) -> None:
        """Take note of an update.

        Args:
            finite: whether its gradients were; if not, it was left out.

        Raises:
            DivergedError: if no scale is small enough.
        """
        if not finite:
            self.scale, self._good = self.scale / _FACTOR, 0
            if self.scale < _SMALLEST:
                raise DivergedError(
                    "the gradients are not finite at any loss scale; a smaller learning rate "
                    "(optimizer.*.solver) or type_config float may help"
                )
            return
        self._good += 1
        if self._good == self._interval:
            self.scale, self._good = self.scale * _FACTOR, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the scale and the updates since it changed."""
        return {"scale": self.scale, "good": self._good}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` stood.

        Args:
            state: what `state_dict` returned.
        """
        self.scale, self._good = float(state["scale"]), int(state["good"])
