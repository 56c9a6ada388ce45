from __future__ import annotations

import pytest
from nnabla.utils.learning_rate_scheduler import (
    CosineScheduler,
    ExponentialScheduler,
    LinearWarmupScheduler,
    PolynomialScheduler,
    StepScheduler,
)

from nnabla_nas.optimizer import build_scheduler


def rates(scheduler: type, arguments: dict[str, object], count: int = 5) -> list[float]:
    built = build_scheduler(scheduler, arguments, init_lr=1.0, max_iter=4)
    return [built.get_learning_rate(i) for i in range(count)]


def test_what_the_run_knows_is_filled_in() -> None:
    assert rates(CosineScheduler, {}) == pytest.approx([1, (1 + 0.5**0.5) / 2, 0.5, 0.1464466, 0])
    assert rates(PolynomialScheduler, {"power": 1}) == [1, 0.75, 0.5, 0.25, 0]
    assert rates(ExponentialScheduler, {"gamma": 0.5}) == [1, 0.5, 0.25, 0.125, 0.0625]
    assert rates(StepScheduler, {"gamma": 0.5, "iter_steps": [1, 3]}) == [1, 0.5, 0.5, 0.25, 0.25]


def test_given_arguments_win() -> None:
    given = {"power": 1, "init_lr": 10.0, "max_iter": 2}
    assert rates(PolynomialScheduler, given, count=3) == [10, 5, 0]


@pytest.mark.parametrize("name", ["PolynomialScheduler", PolynomialScheduler])
def test_linear_warmup_wraps_an_inner_scheduler(name: object) -> None:
    arguments = {"warmup_iter": 2, "scheduler": {"name": name, "power": 1}}
    assert rates(LinearWarmupScheduler, arguments) == [0.5, 0.75, 0.5, 0.25, 0]
    assert arguments == {"warmup_iter": 2, "scheduler": {"name": name, "power": 1}}


def test_linear_warmup_takes_an_instance() -> None:
    inner = StepScheduler(2.0, 0.1, [100])
    assert rates(LinearWarmupScheduler, {"warmup_iter": 4, "scheduler": inner}) == [
        0.5,
        1,
        1.5,
        2,
        2,
    ]


def test_linear_warmups_nest() -> None:
    inner = {"name": "LinearWarmupScheduler", "warmup_iter": 2}
    inner["scheduler"] = {"name": "ExponentialScheduler", "gamma": 1.0}
    arguments = {"warmup_iter": 4, "scheduler": inner}
    assert rates(LinearWarmupScheduler, arguments) == [0.125, 0.5, 0.75, 1, 1]
