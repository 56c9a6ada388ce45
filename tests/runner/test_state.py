"""A runner's state is all that the rest of the run depends on."""

from __future__ import annotations

import numpy as np
import pytest


def final(runner) -> dict[str, np.ndarray]:
    return {path: p.d.copy() for path, p in runner.model.get_parameters().items()}


ALGORITHMS = {
    "reinforce": ({"name": "ProxylessNasSearcher", "arch_samples": 2}, "sample"),
    "gate": ({"name": "ProxylessNasSearcher", "update": "gate"}, "sample"),
    "first order": ({"name": "DartsSearcher"}, "full"),
    "second order": ({"name": "DartsSearcher", "order": 2}, "full"),
    "trainer": ({"name": "Trainer"}, "sample"),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("updates", [2, 3, 5])
def test_a_runner_goes_on_from_anothers_state(build, search_json, algorithm, updates) -> None:
    options, mode = ALGORITHMS[algorithm]
    changes = {"algorithm": options, "epoch": 2, "warmup": 0, "train_portion": 0.5}
    changes["network"] = {**search_json["network"], "mode": mode, "settings": [[8, 2, 2]]}
    # Two updates an epoch: the runs stop between epochs, in the middle of one, and in the last.
    changes["dataset"] = {"name": "synthetic", "n_train": 128, "n_test": 16, "n_classes": 4}
    changes |= {"batch_size_train": 32, "batch_size_valid": 32, "mini_batch_train": 16}
    changes |= {"mini_batch_valid": 16, "input_shape": [1, 8, 8]}

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
