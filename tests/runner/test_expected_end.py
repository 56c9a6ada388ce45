"""When a run is expected to end: what was measured, and nothing before it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from nnabla_nas.runner.expected_end import ExpectedEnd, advice, duration, moment


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Run:
    """Lives through a run whose updates and evaluations take as long as it says."""

    def __init__(self, epochs: dict[str, int], updates: int) -> None:
        self.clock = Clock()
        self.end = ExpectedEnd(epochs, updates, self.clock)
        self.said: list[str] = []

    def epoch(self, phase: str, number: int, seconds: list[float], after: float) -> float | None:
        """Live through an epoch, counted from 1; return what is left before it is evaluated."""
        self.end.begin_epoch()
        for position, one in enumerate(seconds, 1):
            self.clock.now += one
            self.end.update(phase)
            self.said += self.end.news(phase, number - 1, position)
        self.end.end_epoch()
        left = self.end.seconds_left(phase, number)
        self.clock.now += after
        return left


def test_the_first_update_tells_nothing_and_the_first_evaluation_is_waited_for() -> None:
    run = Run({"train": 4}, 10)
    assert run.epoch("train", 1, [60.0, *[1.0] * 9], after=5.0) is None
    assert run.epoch("train", 2, [1.0] * 10, after=5.0) == 2 * (10 + 5)
    assert run.epoch("train", 3, [1.0] * 10, after=5.0) == 10 + 5
    assert run.epoch("train", 4, [1.0] * 10, after=5.0) == 0
    assert len(run.said) == 2
    before, known = run.said
    # At the sixth update of 40: one is left out, five were measured.
    assert before.startswith("an update takes 1 s; the 34 left in this phase take 34.0 s, ")
    assert known.startswith("expected end: ")


def test_one_slow_update_changes_nothing_and_a_slower_machine_does() -> None:
    run = Run({"train": 100}, 10)
    run.epoch("train", 1, [1.0] * 10, after=0.0)
    assert run.epoch("train", 2, [*[1.0] * 9, 500.0], after=0.0) == 98 * 10
    for number in range(3, 9):
        run.epoch("train", number, [3.0] * 10, after=0.0)
    assert run.end.seconds_left("train", 8, 0) == 92 * 10 * 3


def test_warm_up_and_search_are_measured_apart() -> None:
    run = Run({"warmup": 2, "search": 3}, 10)
    run.epoch("warmup", 1, [1.0] * 10, after=2.0)
    assert run.epoch("warmup", 2, [1.0] * 10, after=2.0) is None
    assert run.said[-1].startswith("an update takes 1 s; the 14 left in this phase take 14.0 s")
    left = run.epoch("search", 1, [90.0, *[4.0] * 9], after=2.0)
    assert left == 2 * (10 * 4 + 2)
    # The end is known as soon as updates of the search were measured.
    assert [line.split(":")[0] for line in run.said[1:]] == ["expected end"]


def test_a_device_is_measured_from_one_reading_to_the_next() -> None:
    clock = Clock()
    end = ExpectedEnd({"train": 3}, 8, clock)
    end.begin_epoch()
    for number in range(1, 9):
        # The program runs ahead; at every fourth update it waits for the device.
        clock.now += 8.0 if number % 4 == 0 else 0.0
        end.update("train", done=number % 4 == 0)
    assert end.update_seconds("train") is None
    for number in range(1, 9):
        clock.now += 8.0 if number % 4 == 0 else 0.0
        end.update("train", done=number % 4 == 0)
    assert end.update_seconds("train") == 2.0


def test_a_run_that_goes_on_in_the_middle_of_an_epoch_measures_again() -> None:
    run = Run({"train": 3}, 10)
    run.end.begin_epoch()
    for _ in range(4):
        run.clock.now += 1.0
        run.end.update("train")
    run.end.end_epoch()
    assert run.end.seconds_left("train", 2, 0) is None
    assert run.epoch("train", 3, [1.0] * 10, after=0.0) == 0


@pytest.mark.parametrize(("days", "lines"), [(0.9, 0), (3.0, 1)])
def test_a_run_of_more_than_a_day_says_what_makes_it_shorter(days: float, lines: int) -> None:
    said = advice(days * 86400)
    assert len(said) == lines
    assert all(line.startswith("the run takes more than 3.0 days: fewer epochs") for line in said)
    run = Run({"warmup": 1, "search": 1}, 100)
    run.epoch("warmup", 1, [days * 86400 / 194] * 10, after=0.0)
    assert len(run.said) == 1 + lines


@pytest.mark.parametrize(
    ("hours", "text"),
    [(1, "23:00"), (3, "Fri 01:00"), (24, "Fri 22:00"), (400, "2026-01-18 14:00")],
)
def test_another_day_is_named(hours: float, text: str) -> None:
    assert moment(3600 * hours, datetime(2026, 1, 1, 22, 0)) == text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.4, "59.4 s"), (59.94, "1 min 0 s"), (3599.7, "1 h 0 min")],
)
def test_a_time_is_said_in_its_own_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words
    assert duration(90_061) == "25 h 1 min"


def test_epochs_say_when_the_run_ends_once_that_is_known(
    build: Callable[..., Any], layers_json: dict[str, Any]
) -> None:
    layers_json |= {"algorithm": "Trainer", "batch_size_train": 128, "mini_batch_train": 128}
    trainer = build(layers_json, epoch=4)
    assert trainer.run() == 0
    said = trainer.monitor._stream.getvalue().splitlines()
    epochs = [line for line in said if re.match(r"train \d/4: ", line)]
    ends = [re.search(r" s, run ends (\w{3} )?\d\d:\d\d\)$", line) is not None for line in epochs]
    # After the first epoch its evaluation is not over yet; after the last nothing is to come.
    assert ends == [False, True, True, False]
    assert sum(line.startswith("expected end: ") for line in said) == 1
    assert sum(line.startswith("an update takes ") for line in said) == 1
