"""What compares the compiled forms to nnabla's own functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.function as function

# Without numba there are no compiled forms.
collect_ignore_glob = [] if function.has_compiler() else ["test_*.py"]

# What no network has that is built of nnabla's own functions.
COMPILED = "Program"
Build = Callable[..., nn.Variable]


def run(
    build: Build, arrays: Sequence[np.ndarray], fixed: Sequence[int], accumulate: bool
) -> list[np.ndarray]:
    leaves = [nn.Variable.from_numpy_array(a.astype(np.float32)) for a in arrays]
    for position, leaf in enumerate(leaves):
        leaf.need_grad = position not in fixed
        leaf.grad.zero()
        if accumulate:
            leaf.g = 0.5
    y = build(*leaves)
    y.forward()
    g = np.random.default_rng(5).normal(size=y.shape).astype(np.float32)
    y.backward(nn.NdArray.from_numpy_array(g))
    return [y.d.copy(), *((v.g if v.need_grad else v.d).copy() for v in leaves)]


def assert_close(fast: np.ndarray, plain: np.ndarray, tolerance: float = 1e-5) -> None:
    assert fast.shape == plain.shape
    np.testing.assert_allclose(fast, plain, rtol=0, atol=tolerance * max(1, np.abs(plain).max()))


def compare(build: Build, arrays: Sequence[np.ndarray], fixed: Sequence[int] = ()) -> None:
    """Assert that both forms of what is built agree: output, gradients, and values that moved.

    Gradients are written first, then added to what is there; then every input is used twice.

    Args:
        build: builds the output from the arrays' variables.
        arrays: the inputs.
        fixed: positions of the inputs that need no gradient.
    """

    def twice(*leaves: nn.Variable) -> nn.Variable:
        return function.add([build(*leaves), build(*leaves)])

    for built, accumulate in ((build, False), (build, True), (twice, False)):

        def fast(*leaves: nn.Variable, built: Build = built) -> nn.Variable:
            with function.Building(lambda: True) as building:
                y = building.wants(built(*leaves))
            assert COMPILED in function_names(y)
            return y

        found = run(fast, arrays, fixed, accumulate)
        with function.plain():
            expected = run(built, arrays, fixed, accumulate)
        for a, b in zip(found, expected, strict=True):
            assert_close(a, b)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one core: tests run beside each other, and threads would wait for a free core."""
    import numba

    from nnabla_nas.function.cpu.readiness import make_ready

    make_ready()
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def function_names(y: nn.Variable) -> list[str]:
    """Return the names of the functions y is computed by.

    Args:
        y: an output.
    """
    names: list[str] = []
    y.visit(lambda f: names.append(f.info.type_name))
    return names


@pytest.fixture(scope="session", name="function_names")
def _function_names() -> Callable[[nn.Variable], list[str]]:
    """Return what tells which functions an output is computed by."""
    return function_names


@pytest.fixture(scope="session", name="compare")
def _compare() -> Callable[..., None]:
    """Return what asserts that both forms agree."""
    return compare


@pytest.fixture(scope="session", name="assert_close")
def _assert_close() -> Callable[..., None]:
    """Return what asserts that values agree, relative to the largest."""
    return assert_close
