from __future__ import annotations

from datetime import datetime

from nnabla_nas.runner.expected_end import expected_end


def test_a_short_run_says_when_it_ends() -> None:
    (line,) = expected_end(2.0, 1800, datetime(2026, 1, 1, 12, 0))
    assert line == "the first update took 2.00 s; 1,800 more, expected end 2026-01-01 13:00"


def test_a_run_of_more_than_a_day_says_what_makes_it_shorter() -> None:
    _, advice = expected_end(10.0, 86_400, datetime(2026, 1, 1))
    assert advice.startswith("that is 10.0 days: ")
    assert "epoch" in advice
