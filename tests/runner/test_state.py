"""A runner's state is all that the rest of the run depends on."""

from __future__ import annotations

import numpy as np
import pytest


def final(runner) -> dict[str, np.ndarray]:
    return {path: p.d.copy() for path, p in runner.model.get_parameters().items()}


@pytest.mark.parametrize("algorithm", ["ProxylessNasSearcher", "Trainer"])
@pytest.mark.parametrize("updates", [2, 3, 5])
def test_a_runner_goes_on_from_anothers_state(build, search_json, algorithm, updates) -> None:
    changes = {"algorithm": algorithm, "epoch": 2, "warmup": 0, "train_portion": 0.5}

    def do(runner, n: int) -> None:
        for _ in range(n):
            runner.search_update() if runner.searches else runner.update()
            runner.progress.step += 1

    whole = build(search_json, "whole", **changes)
    do(whole, 6)
    first = build(search_json, "first", **changes)
    do(first, updates)
    second = build(search_json, "second", **{**changes, "seed": 0})
    second.load_state_dict(first.state_dict())
    do(second, 6 - updates)
    for path, value in final(whole).items():
        np.testing.assert_array_equal(final(second)[path], value, err_msg=path)
    assert second.progress.baseline == whole.progress.baseline
