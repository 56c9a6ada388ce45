"""What the docs say of nnabla's solvers where the learning rate changes."""

from __future__ import annotations

from typing import Any

import nnabla as nn
import nnabla.solvers as S
import numpy as np
import pytest

GRADIENTS = [1.0, 0.5, -0.3, 0.2]
RATES = [0.1, 0.1, 0.01, 0.01]


def values(solver: Any) -> list[float]:
    """Return a parameter that begins at 1 after each update."""
    p = nn.Variable.from_numpy_array(np.ones(1, np.float32), need_grad=True)
    solver.set_parameters({"w": p})
    seen = []
    for rate, gradient in zip(RATES, GRADIENTS, strict=True):
        solver.set_learning_rate(rate)
        p.g = np.array([gradient], np.float32)
        solver.update()
        seen.append(float(p.d[0]))
    return seen


@pytest.mark.parametrize("solver", [S.Momentum, S.Nesterov])
def test_the_velocity_keeps_the_rate_of_its_time(solver: Any) -> None:
    w, v, expected = 1.0, 0.0, []
    for rate, gradient in zip(RATES, GRADIENTS, strict=True):
        v = 0.9 * v + rate * gradient
        w -= v
        # Nesterov looks ahead by the velocity.
        expected.append(w - 0.9 * v if solver is S.Nesterov else w)
    assert values(solver(RATES[0], 0.9)) == pytest.approx(expected, abs=1e-6)


def test_adamw_decays_by_the_share_of_the_rate_it_began_with() -> None:
    w, m, v, expected = 1.0, 0.0, 0.0, []
    for t, (rate, gradient) in enumerate(zip(RATES, GRADIENTS, strict=True), 1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        step = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8)
        w -= step + rate / RATES[0] * 0.05 * w
        expected.append(w)
    assert values(S.AdamW(RATES[0], 0.9, 0.999, 1e-8, 0.05)) == pytest.approx(expected, abs=1e-6)
