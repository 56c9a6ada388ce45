"""Runners as a GPU runs them, on backends that fall through to the CPU's functions."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_nas.errors import DivergedError, InputError

FLOAT = ("cudnn:float", "cpu:float")
# nnabla's CPU functions compute in half precision too, slowly.
HALF = ("cudnn:half", "cudnn:float", "cpu:half", "cpu:float")
ALGORITHMS = {
    "reinforce": ({"name": "ProxylessNasSearcher", "arch_samples": 2}, "sample"),
    "gate": ({"name": "ProxylessNasSearcher", "update": "gate"}, "sample"),
    "darts": ({"name": "DartsSearcher"}, "full"),
    "trainer": ({"name": "Trainer"}, "sample"),
}


@pytest.fixture
def small(build, search_json):
    """Build runners of four updates an epoch."""

    def make(algorithm: str, name: str, **changes):
        options, mode = ALGORITHMS[algorithm]
        content = {**search_json, "algorithm": options, "warmup": 0, "train_portion": 0.5}
        content["network"] = {**search_json["network"], "mode": mode, "settings": [[8, 2, 2]]}
        content["network"]["drop_rate"] = 0.0
        content["dataset"] = {"name": "synthetic", "n_train": 128, "n_test": 16, "n_classes": 4}
        content |= {"batch_size_train": 16, "batch_size_valid": 16, "mini_batch_train": 8}
        content |= {"mini_batch_valid": 8, "input_shape": [1, 8, 8], "epoch": 2}
        return build(content, name, **changes)

    return make


def update(runner, n: int = 1):
    """Do updates without reporting them, of the runner that was built last."""
    for _ in range(n):
        runner.search_update() if runner.searches else runner.update()
        runner.progress.step += 1
    return runner


def parameters(runner) -> dict[str, np.ndarray]:
    return {path: p.d.copy() for path, p in runner.model.get_parameters().items()}


def log(runner) -> list[str]:
    return [line for line in runner.monitor._stream.getvalue().splitlines() if ", update " in line]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_losses_wait_until_they_are_reported(small, algorithm: str) -> None:
    runner = small(algorithm, "device", backends=FLOAT)
    update(runner, 3)
    assert "loss_train" not in runner.meters
    runner.read()
    assert runner.meters["loss_train"].weight == 48


def test_what_is_reported_is_the_same_however_seldom_it_is_read(small) -> None:
    seldom = small("trainer", "seldom", backends=FLOAT, print_frequency=4)
    often = small("trainer", "often", backends=FLOAT, print_frequency=1)
    for runner in (seldom, often):
        runner.run_epoch("train", runner.update)
    assert seldom.meters["loss_train"].state_dict() == often.meters["loss_train"].state_dict()
    assert log(seldom) == log(often)[-1:]
    assert len(log(often)) == often.updates_per_epoch > 1


def test_a_checkpoint_holds_what_was_not_read_yet(small) -> None:
    runner = small("trainer", "device", backends=FLOAT)
    update(runner, 3)
    assert runner.state_dict()["meters"]["loss_train"]["weight"] == 48


def test_a_loss_that_is_not_finite_is_named_when_it_is_read(small) -> None:
    runner = small("trainer", "device", backends=FLOAT, print_frequency=4)
    update(runner)
    next(iter(runner.net_parameters.values())).d = np.nan
    update(runner, 2)
    with pytest.raises(DivergedError, match="loss is nan at update 2, seen after update 3 "):
        runner.read()


def test_an_architecture_parameter_that_is_not_finite_is_named_when_it_is_read(small) -> None:
    runner = small("darts", "device", backends=FLOAT)
    update(runner)
    runner.readings._waiting.clear()
    path, alpha = next(iter(runner.arch_parameters.items()))
    alpha.d = np.nan
    with pytest.raises(DivergedError, match=f"architecture parameter '{path}' is nan at update 1"):
        runner.read()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_scaling_the_loss_does_not_change_the_result(small, algorithm: str) -> None:
    plain = update(small(algorithm, "plain"), 3)
    scaled = update(small(algorithm, "scaled", type_config="half"), 3)
    assert scaled.optimizers()["train"].scale == 2.0**15
    for path, value in parameters(plain).items():
        np.testing.assert_allclose(
            parameters(scaled)[path], value, rtol=1e-4, atol=1e-5, err_msg=path
        )


@pytest.mark.parametrize("algorithm", ["gate", "darts", "trainer"])
def test_an_overflow_leaves_weights_and_architecture_alone(small, algorithm: str) -> None:
    runner = small(algorithm, "run", type_config="half")
    update(runner)
    learning = {**runner.net_parameters, **runner.model.get_arch_parameters(grad_only=True)}
    before = {path: p.d.copy() for path, p in learning.items()}
    running = parameters(runner).keys() - learning.keys()
    statistics = {path: value for path, value in parameters(runner).items() if path in running}
    for optimizer in runner.optimizers().values():
        optimizer._loss_scale.scale = np.inf
    update(runner)
    for path, value in before.items():
        np.testing.assert_array_equal(learning[path].d, value, err_msg=path)
    # The forward pass is a good one, and its statistics count.
    assert any((parameters(runner)[path] != value).any() for path, value in statistics.items())
    assert all(np.isfinite(value).all() for value in parameters(runner).values())


def test_a_resumed_run_keeps_its_scales(small) -> None:
    whole, first, second = (small("darts", n, type_config="half") for n in ("a", "b", "c"))
    for runner in (whole, first):
        runner.train_optimizer._loss_scale._interval = 3
        update(runner, 2)
    second.train_optimizer._loss_scale._interval = 3
    second.load_state_dict(first.state_dict())
    for runner in (whole, second):
        update(runner, 2)
    assert second.train_optimizer.scale == whole.train_optimizer.scale == 2.0**16
    for path, value in parameters(whole).items():
        np.testing.assert_array_equal(parameters(second)[path], value, err_msg=path)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_half_precision_runs_and_keeps_what_it_learns_in_float(small, algorithm: str) -> None:
    whole = update(small(algorithm, "float", backends=FLOAT), 2)
    half = update(small(algorithm, "half", backends=HALF, type_config="half"), 2)
    whole.read()
    half.read()
    assert half.train_graph._loss.data.dtype == np.float16
    assert half.meters["loss_train"].mean == pytest.approx(
        whole.meters["loss_train"].mean, rel=0.05
    )
    learning = {**half.net_parameters, **half.model.get_arch_parameters(grad_only=True)}
    assert {p.data.dtype for p in learning.values()} == {np.dtype(np.float32)}
    assert {a.dtype for a in half.state_dict()["parameters"].values()} == {np.dtype(np.float32)}


def test_weights_learned_in_half_precision_are_those_of_float_but_for_rounding(
    build, layers_json
) -> None:
    layers_json |= {"algorithm": "Trainer", "train_portion": 1.0, "warmup": 0}
    learned = []
    for name, backends in (("float", FLOAT), ("half", HALF)):
        runner = build(layers_json, name, backends=backends, type_config=name)
        start = parameters(runner)
        update(runner, 3)
        learned.append({path: value - start[path] for path, value in parameters(runner).items()})
    whole, half = learned
    moved = [path for path, value in whole.items() if value.any()]
    assert moved
    for path in moved:
        difference = np.linalg.norm(half[path] - whole[path])
        assert difference < 0.02 * np.linalg.norm(whole[path]), path


def test_the_second_order_needs_float(small, build, search_json) -> None:
    search_json["algorithm"] = {"name": "DartsSearcher", "order": 2}
    search_json["network"]["mode"] = "full"
    with pytest.raises(InputError, match=r"algorithm\.order: got 2; allowed 1, or type_config fl"):
        build(search_json, type_config="half")
