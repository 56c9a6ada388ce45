"""When a run will be over."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_WEEK_DAYS = 6
# What the machine does beside the run changes; what was measured long ago says little.
_UPDATES, _EPOCHS = 50, 5
_LEAST = 5


class ExpectedEnd:
    """Estimates the end of a run from how long its updates and the ends of its epochs take.

    Each phase has its own median of the newest updates, without its first, which also builds and
    compiles. What lies between the updates of two epochs, evaluation and saving, counts as well;
    before the end of an epoch nobody knows how long that takes, and nothing is expected.

    Args:
        epochs: epochs of each phase, in the order of the phases.
        updates_per_epoch: updates of an epoch.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        epochs: Mapping[str, int],
        updates_per_epoch: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._epochs = dict(epochs)
        self._updates_per_epoch = updates_per_epoch
        self._clock = clock
        self._seconds = {phase: deque[float](maxlen=_UPDATES) for phase in epochs}
        self._measured = dict.fromkeys(epochs, 0)
        self._begun: set[str] = set()
        self._between: deque[float] = deque(maxlen=_EPOCHS)
        self._last = 0.0
        self._waiting = 0
        self._epoch_ended: float | None = None
        self._said: set[str] = set()
        self._end_said = False

    def begin_epoch(self) -> None:
        """Note that the updates of an epoch begin."""
        self._last, self._waiting = self._clock(), 0
        if self._epoch_ended is not None:
            self._between.append(self._last - self._epoch_ended)

    def update(self, phase: str, done: bool = True) -> None:
        """Note an update.

        Args:
            phase: the phase it belongs to.
            done: whether it is known to be over; a device may still be at work.
        """
        self._waiting += 1
        if not done:
            return
        now = self._clock()
        if phase in self._begun:
            self._seconds[phase].append((now - self._last) / self._waiting)
            self._measured[phase] += self._waiting
        self._begun.add(phase)
        self._last, self._waiting = now, 0

    def end_epoch(self) -> None:
        """Note that the updates of an epoch are over."""
        self._epoch_ended = self._clock()

    def update_seconds(self, phase: str) -> float | None:
        """Return what an update takes, in seconds, or None while too few were measured.

        Args:
            phase: the phase it belongs to.
        """
        if self._measured[phase] < _LEAST:
            return None
        return statistics.median(self._seconds[phase])

    def seconds_left(self, phase: str, epoch: int, number: int = 0) -> float | None:
        """Return how long the rest of the run will take, in seconds, or None before it is known.

        Args:
            phase: the present phase.
            epoch: its epochs that are complete.
            number: updates done in the present epoch.
        """
        total = 0.0
        for name, epochs in self._epochs_left(phase, epoch).items():
            seconds = self.update_seconds(name)
            if seconds is None or not self._between:
                return None
            updates = epochs * self._updates_per_epoch - (number if name == phase else 0)
            total += updates * seconds + epochs * statistics.median(self._between)
        return total

    def news(self, phase: str, epoch: int, number: int) -> list[str]:
        """Return lines about how long the run will take that were not known before.

        Args:
            phase: the present phase.
            epoch: its epochs that are complete.
            number: updates done in the present epoch.
        """
        seconds, left = self.update_seconds(phase), self.seconds_left(phase, epoch, number)
        if self._end_said or (left is None and (seconds is None or phase in self._said)):
            return []
        if left is not None:
            self._end_said = True
            return [f"expected end: {moment(left)}, evaluation and saving included"]
        assert seconds is not None
        self._said.add(phase)
        updates = {
            name: epochs * self._updates_per_epoch - (number if name == phase else 0)
            for name, epochs in self._epochs_left(phase, epoch).items()
        }
        line = (
            f"an update takes {seconds:.3g} s; the {updates[phase]:,} left in this phase take "
            f"{duration(seconds * updates[phase])}, evaluation and saving not included"
        )
        # An update of the search takes no less than one of the warm-up.
        return [line, *advice(seconds * sum(updates.values()))]

    def _epochs_left(self, phase: str, epoch: int) -> dict[str, int]:
        """Return the epochs that are not complete, from the present phase on, where there are."""
        phases = list(self._epochs)
        left = {name: self._epochs[name] for name in phases[phases.index(phase) :]}
        left[phase] -= epoch
        return {name: epochs for name, epochs in left.items() if epochs > 0}


def advice(seconds: float) -> list[str]:
    """Return what makes a run shorter that takes more than a day, else nothing.

    Args:
        seconds: what it takes at least.
    """
    if seconds <= _DAY:
        return []
    return [
        f"the run takes more than {seconds / _DAY:.1f} days: fewer epochs (-x epoch=…, "
        "-x warmup=…), a smaller network (-x network.width_mult=…, fewer network.settings) or a "
        "GPU make it shorter"
    ]


def duration(seconds: float) -> str:
    """Return a time in hours, minutes and seconds.

    Args:
        seconds: how long it is.
    """
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{seconds:.1f} s"
    hours, minutes = whole // _HOUR, whole % _HOUR // _MINUTE
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {whole % _MINUTE} s"


def moment(seconds: float, now: datetime | None = None) -> str:
    """Return the time of day in some seconds, with the day where that is another one.

    Args:
        seconds: how far ahead it is.
        now: the time it is; by default the clock's.
    """
    now = now or datetime.now()
    then = now + timedelta(seconds=min(seconds, 1e9))
    days = (then.date() - now.date()).days
    if days == 0:
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if days <= _WEEK_DAYS else f"{then:%Y-%m-%d %H:%M}"
