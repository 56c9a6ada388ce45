from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnabla_nas.dataset.crop import central_box, draw, random_box

sizes = st.integers(1, 700)


def by_the_formula(width: int, height: int, draws: np.ndarray) -> tuple[int, int, int, int] | None:
    """The first of ten attempts that fits: area 8 to 100 %, ratio log-uniform in 3/4 to 4/3."""
    for u in draws:
        area = (0.08 + 0.92 * u[0]) * width * height
        ratio = math.exp(math.log(3 / 4) + u[1] * (math.log(4 / 3) - math.log(3 / 4)))
        w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 1 <= w <= width and 1 <= h <= height:
            x, y = math.floor(u[2] * (width - w + 1)), math.floor(u[3] * (height - h + 1))
            return x, y, x + w, y + h
    return None


@settings(max_examples=200, deadline=None)
@given(sizes, sizes, st.integers(0, 1000))
def test_boxes_lie_inside_and_follow_the_formula(width: int, height: int, seed: int) -> None:
    (draws,) = draw(1, np.random.default_rng(seed))
    box = random_box(width, height, draws)
    left, upper, right, lower = box
    assert 0 <= left < right <= width
    assert 0 <= upper < lower <= height
    expected = by_the_formula(width, height, draws)
    if expected is not None:
        assert box == expected


@pytest.mark.parametrize(
    ("width", "height", "box"),
    [(400, 60, (160, 0, 240, 60)), (60, 400, (0, 160, 60, 240))],
)
def test_where_no_attempt_fits_the_largest_central_part_is_taken(
    width: int, height: int, box: tuple[int, ...]
) -> None:
    assert random_box(width, height, np.full((10, 4), 1 - 1e-9)) == box


def test_areas_and_ratios_are_spread_over_their_ranges() -> None:
    boxes = [random_box(500, 500, one) for one in draw(4000, np.random.default_rng(0))]
    sides = np.array([(right - left, lower - upper) for left, upper, right, lower in boxes])
    areas, ratios = sides.prod(axis=1) / 500**2, sides[:, 0] / sides[:, 1]
    assert areas.min() < 0.1
    assert areas.max() > 0.95
    assert abs(np.log(ratios).mean()) < 0.02
    assert ratios.min() == pytest.approx(3 / 4, abs=0.02)
    assert ratios.max() == pytest.approx(4 / 3, abs=0.02)
    left = np.array([box[0] for box in boxes]) / np.maximum(1, 500 - sides[:, 0])
    assert abs(left.mean() - 0.5) < 0.05


def test_the_middle_is_224_of_256_of_the_shorter_side() -> None:
    assert central_box(256, 256) == (16, 16, 240, 240)
    assert central_box(512, 256) == (144, 16, 368, 240)
    assert central_box(100, 300) == (6.25, 106.25, 93.75, 193.75)
