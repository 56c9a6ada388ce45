"""An exponential moving average of the weights, which is often the better network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import nnabla as nn
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class WeightAverage:
    """The mean of parameters over updates, older ones counting less and less.

    Args:
        parameters: path → parameter; running statistics are averaged like weights.
        decay: what stays of the mean in an update, 0 to 1.
        on_host: whether the mean is held in numpy's arrays, which is faster on the CPU, or on the
            device.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Variable], decay: float, on_host: bool = True
    ) -> None:
        self._parameters = dict(parameters)
        self._decay = decay
        self._on_host = on_host
        self.load_state_dict({path: p.d for path, p in self._parameters.items()})

    def update(self) -> None:
        """Count the parameters as they are now."""
        keep, add = self._decay, 1 - self._decay
        for path, parameter in self._parameters.items():
            if self._on_host:
                self._host[path] = (keep * self._host[path] + add * parameter.d).astype(np.float32)
            else:
                self._device[path] = self._device[path] * keep + parameter.data * add

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the parameters have the mean's values in the block."""
        before = {path: p.d.copy() for path, p in self._parameters.items()}
        self._set(self.state_dict())
        try:
            yield
        finally:
            self._set(before)

    def _set(self, values: Mapping[str, npt.NDArray[Any]]) -> None:
        for path, parameter in self._parameters.items():
            parameter.d = values[path]

    def state_dict(self) -> dict[str, Floats]:
        """Return the mean by path."""
        if self._on_host:
            return dict(self._host)
        return {path: array.data.astype(np.float32) for path, array in self._device.items()}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a mean.

        Args:
            state: what `state_dict` returned.
        """
        values = {path: np.array(state[path], dtype=np.float32) for path in self._parameters}
        self._host: dict[str, Floats] = values if self._on_host else {}
        self._device: dict[str, nn.NdArray] = {}
        if not self._on_host:
            self._device = {k: nn.NdArray.from_numpy_array(v) for k, v in values.items()}
