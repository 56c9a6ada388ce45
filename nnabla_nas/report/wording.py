"""Numbers and differences in words."""

from __future__ import annotations

from collections.abc import Sequence

from nnabla_nas.report.statistics import (
    LEAST_FOR_ONE_DEVIATION,
    LEAST_FOR_TEST,
    LEVEL,
    Difference,
    Interval,
)

NOTHING = "–"  # noqa: RUF001 - a dash in tables


def is_share(value: str) -> bool:
    """Return whether a number is a share, shown in per cent.

    Args:
        value: its name.
    """
    return value.rpartition(".")[2] == "error"


def figure(number: float | None, value: str) -> str:
    """Return a number as tables show it; of an error per cent without the sign.

    Args:
        number: the number.
        value: its name.
    """
    if number is None:
        return NOTHING
    return f"{100 * number:.2f}" if is_share(value) else short(number)


def short(number: float | None) -> str:
    """Return a number in at most five figures, or a dash.

    Args:
        number: the number.
    """
    if number is None:
        return NOTHING
    if number == 0 or abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.4g}"


def spread(mean: float, deviation: float | None, value: str) -> str:
    """Return mean ± standard deviation.

    Args:
        mean: the mean.
        deviation: the standard deviation, if there is one.
        value: the name of the number.
    """
    behind = "" if deviation is None else f" ± {figure(deviation, value)}"
    return figure(mean, value) + behind


def between(interval: Interval | None, value: str) -> str:
    """Return an interval.

    Args:
        interval: its ends.
        value: the name of the number.
    """
    if interval is None:
        return NOTHING
    return f"{figure(interval[0], value)} to {figure(interval[1], value)}"


def p_value(p: float | None) -> str:
    """Return a p-value as it is written.

    Args:
        p: the value.
    """
    if p is None:
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def sentence(name: str, reference: str, found: Difference, value: str) -> str:
    """Say what a difference means, and no more than the data do.

    Args:
        name: the group.
        reference: what it is compared with.
        found: how it differs.
        value: the number they are compared by.
    """
    if found.p is None or found.adjusted is None:
        few = min(found.n)
        return (
            f"{name} against {reference}: {_how_much(found.mean, value)} in {few} "
            f"repetition{'s' * (few != 1)}; below {LEAST_FOR_TEST} nothing is tested, this may be "
            "chance."
        )
    words = (
        f"{name} against {reference}: {_how_much(found.mean, value)} "
        f"(95 % interval {between(found.interval, value)}; {found.test}, "
        f"n = {_repetitions(found.n)}, p = {p_value(found.adjusted)}): "
    ).replace("p = <", "p <")
    if found.adjusted <= LEVEL:
        return words + "more than chance makes."
    return words + "no more than chance may make."


def power_note(differences: Sequence[Difference]) -> list[str]:
    """Say what so few repetitions may not show; nothing where there are enough.

    Args:
        differences: what was tested, or could not be.
    """
    fewest = min((min(one.n) for one in differences), default=LEAST_FOR_ONE_DEVIATION)
    if fewest >= LEAST_FOR_ONE_DEVIATION:
        return []
    return [
        f"With fewer than {LEAST_FOR_ONE_DEVIATION} repetitions (here {fewest}) differences of one "
        "standard deviation may be missed."
    ]


def _how_much(mean: float, value: str) -> str:
    size = f"{100 * abs(mean):.2f} points" if is_share(value) else short(abs(mean))
    if float(size.split()[0].replace(",", "")) == 0:
        return f"the same {value}"
    return f"{value} {size} {'lower' if mean < 0 else 'higher'}"


def _repetitions(n: tuple[int, int]) -> str:
    return str(n[0]) if n[0] == n[1] else f"{n[0]} and {n[1]}"
