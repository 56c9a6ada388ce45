"""How weights start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnabla_nas import random
from nnabla_nas.module.parameter import Initializer


def glorot_uniform(fan_in: int, fan_out: int, rng: Any = None) -> Initializer:
    """Return an initializer that draws uniformly from ±√(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, equation 16.

    Args:
        fan_in: inputs of one output unit.
        fan_out: outputs that one input unit reaches.
        rng: a numpy generator; by default the current run's stream `weights`.
    """
    limit = float(np.sqrt(6.0 / (fan_in + fan_out)))

    def initialize(shape: Sequence[int]) -> np.ndarray:
        generator = random.current().stream("weights") if rng is None else rng
        return np.asarray(generator.uniform(-limit, limit, size=tuple(shape)), dtype=np.float32)

    return initialize
