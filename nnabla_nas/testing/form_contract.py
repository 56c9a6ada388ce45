"""The forms that are fast on a device compute what nnabla's own functions do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import nnabla as nn
import nnabla.functions as F
import numpy as np

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.testing.random_module import Keeping
from nnabla_nas.testing.requirement import require

Found = dict[str, np.ndarray]
# A value that lies on a ReLU's corner may fall to either side: a fault shows on every input.
_INPUTS = 3


def check_forms(
    module: Mo.Module, shape: Sequence[int], seed: int = 0, tolerance: float = 1e-4
) -> None:
    """Check that a module computes the same in the form of this device and of nnabla's functions.

    A graph for training and one for evaluation are alive at the same time and take turns, while
    choices change. Compared are outputs, what modules keep, gradients, which parameters have one,
    and running statistics.

    Args:
        module: maps one variable to one.
        shape: of the input, (B, C, H, W).
        seed: of inputs, masks and choices.
        tolerance: relative to the largest value of an array.

    Raises:
        AssertionError: with the names of what differs.
    """
    for attempt in range(_INPUTS):
        fast = _found(module, shape, (seed, attempt))
        with function.plain():
            plain = _found(module, shape, (seed, attempt))
        wrong = [name for name in plain if not _agree(fast[name], plain[name], tolerance)]
        if not wrong:
            return
    require(False, f"not what nnabla's own functions compute: {', '.join(wrong)}\n{module}")


def _agree(fast: np.ndarray, plain: np.ndarray, tolerance: float) -> bool:
    scale = max(1.0, float(np.abs(plain).max()))
    return bool(np.all(np.abs(fast - plain) <= tolerance * scale))


def _found(module: Mo.Module, shape: Sequence[int], seed: Sequence[int]) -> Found:
    generator = np.random.default_rng(seed)
    x = nn.Variable.from_numpy_array(generator.normal(size=shape))
    x.need_grad = True
    with _unchanged(module), random.use(random.Streams(seed[0])), nn.auto_forward(False):
        module.apply(training=True)
        # A module may hand its input on, which no function has computed.
        y = F.identity(module(x))
        kept = [v for one in _all(module, Keeping) for v in one.kept.values()]
        module.apply(training=False)
        z = F.identity(module(x))
        g = nn.NdArray.from_numpy_array(generator.normal(size=y.shape))
        found: Found = {}
        for turn in range(2):
            for choice in _all(module, Mo.Choice):
                choice.active = int(generator.integers(len(choice.names)))
            learned = module.get_parameters(grad_only=True)
            for v in (x, *learned.values()):
                v.grad.zero()
            y.forward()
            found[f"output {turn}"] = y.d.copy()
            found.update({f"kept {turn} {i}": v.d.copy() for i, v in enumerate(kept)})
            z.forward()
            y.backward(g)
            found[f"evaluation {turn}"] = z.d.copy()
            found[f"gradient {turn}"] = x.g.copy()
            for name, p in learned.items():
                found[f"has gradient {turn} {name}"] = np.array(not p.grad.zeroing, float)
                found[f"gradient {turn} {name}"] = p.g.copy()
            for name, p in module.get_parameters().items():
                found[f"value {turn} {name}"] = p.d.copy()
        return found


def _all(module: Mo.Module, kind: type) -> list:  # type: ignore[type-arg]
    return [one for _, one in module.get_modules() if isinstance(one, kind)]


@contextmanager
def _unchanged(module: Mo.Module) -> Iterator[None]:
    before = {name: p.d.copy() for name, p in module.get_parameters().items()}
    try:
        yield
    finally:
        module.set_parameters(before)
