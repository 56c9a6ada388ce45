from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnabla_nas.artifact import Meter, Meters

values = st.floats(-1e6, 1e6)
weights = st.integers(1, 512)


@settings(max_examples=50)
@given(st.lists(st.tuples(values, weights), min_size=1))
def test_mean_is_the_weighted_average(pairs: list[tuple[float, int]]) -> None:
    meter = Meter()
    for value, weight in pairs:
        meter.add(value, weight)
    numbers, counts = zip(*pairs, strict=True)
    assert meter.mean == pytest.approx(np.average(numbers, weights=counts), rel=1e-9, abs=1e-6)


def test_nothing_counted_is_nan_and_reset_forgets() -> None:
    meter = Meter()
    assert math.isnan(meter.mean)
    meter.add(3.0)
    meter.reset()
    assert math.isnan(meter.mean)
    meter.add(5.0, 2)
    assert meter.mean == 5.0


def test_meters_continue_from_their_state() -> None:
    meters = Meters()
    meters["loss"].add(1 / 3, 7)
    meters["error"].add(0.25, 4)
    restored = Meters()
    restored["other"].add(1.0)
    restored.load_state_dict(json.loads(json.dumps(meters.state_dict())))
    for each in (meters, restored):
        each["loss"].add(0.1, 3)
    assert restored.means() == meters.means()
    assert meters.means() == {"loss": (1 / 3 * 7 + 0.1 * 3) / 10, "error": 0.25}
    meters.reset()
    assert meters.means() == {}
