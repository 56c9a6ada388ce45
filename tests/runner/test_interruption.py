from __future__ import annotations

import os
import signal
import threading

import pytest

from nnabla_nas.runner.interruption import Interruption


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record what the process would have ended with."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_remembered_and_handlers_come_back(number: int, ended: list[int]) -> None:
    before = signal.getsignal(number)
    with Interruption() as interruption:
        assert interruption.signal is None
        signal.raise_signal(number)
        assert interruption.signal == number
    assert signal.getsignal(number) == before
    assert ended == []


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def enter() -> None:
        with Interruption():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]


def test_repeats_within_two_seconds_are_one_and_a_later_signal_ends_at_once(
    ended: list[int],
) -> None:
    clock = Clock()
    with Interruption(clock) as interruption:
        signal.raise_signal(signal.SIGTERM)
        clock.now += 1.9
        signal.raise_signal(signal.SIGINT)
        assert interruption.signal == signal.SIGTERM
        assert ended == []
        clock.now += 0.2
        signal.raise_signal(signal.SIGINT)
    assert ended == [130]
