"""When a run will be over."""

from __future__ import annotations

from datetime import datetime, timedelta

_DAY = 86_400.0


def expected_end(
    update_seconds: float, updates_left: int, now: datetime | None = None
) -> list[str]:
    """Return lines that say how long an update took and when the run is expected to end.

    Args:
        update_seconds: how long the first update took, in seconds.
        updates_left: how many are to follow.
        now: the time it is; by default the clock's.

    Returns:
        One line, or two where more than a day is predicted.
    """
    left = update_seconds * updates_left
    end = (now or datetime.now()) + timedelta(seconds=min(left, 1e9))
    lines = [
        f"the first update took {update_seconds:.2f} s; {updates_left:,} more, "
        f"expected end {end:%Y-%m-%d %H:%M}"
    ]
    if left > _DAY:
        lines.append(
            f"that is {left / _DAY:.1f} days: fewer epochs (-x epoch=…, -x warmup=…), a smaller "
            "network (-x network.width_mult=…, fewer network.settings) or a GPU make it shorter"
        )
    return lines
