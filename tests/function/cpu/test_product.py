"""Products equal numpy's in double precision, at every edge of a tile and of a block."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_nas.function.cpu.product import add_outer, multiply

SHAPES = [
    (1, 1, 1),
    (3, 2, 7),
    (4, 3, 24),
    (5, 4, 25),
    (8, 16, 2100),
    (7, 97, 701),
    (13, 200, 95),
    (2, 700, 50),
]


def factors(*shapes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def positive(x: np.ndarray, rectify: bool) -> np.ndarray:
    return np.maximum(x, 0) if rectify else x


@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize(("rows", "inner", "columns"), SHAPES)
class TestProducts:
    def test_multiply(self, assert_close, rows, inner, columns, rectify) -> None:
        w, x = factors((rows, inner), (inner, columns))
        # A margin shows what is written behind the end.
        y = np.full((rows + 1, columns), 7, np.float32)
        multiply(w.ctypes.data, x.ctypes.data, y.ctypes.data, rows, inner, columns, rectify)
        assert_close(y[:rows], w.astype(np.float64) @ positive(x, rectify))
        assert (y[rows] == 7).all()

    def test_add_outer(self, assert_close, rows, inner, columns, rectify) -> None:
        g, x, total = factors((rows, columns), (inner, columns), (rows + 1, inner))
        before = total.copy()
        add_outer(g.ctypes.data, x.ctypes.data, total.ctypes.data, rows, inner, columns, rectify)
        expected = before[:rows] + g.astype(np.float64) @ positive(x, rectify).T
        assert_close(total[:rows], expected)
        np.testing.assert_array_equal(total[rows], before[rows])


@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize("place", [0, 23, 24, 30])
def test_a_nan_stays_where_it_belongs(place, rectify) -> None:
    w, x, total = factors((5, 3), (3, 31), (5, 3))
    x[1, place] = np.nan
    y = np.empty((5, 31), np.float32)
    multiply(w.ctypes.data, x.ctypes.data, y.ctypes.data, 5, 3, 31, rectify)
    assert np.isnan(y[:, place]).all()
    assert np.isnan(y).sum() == 5
    add_outer(y.ctypes.data, x.ctypes.data, total.ctypes.data, 5, 3, 31, rectify)
    assert np.isnan(total).all()
