"""How a check says what is violated."""

from __future__ import annotations


def require(holds: object, violation: str) -> None:
    """Go on if something holds.

    Args:
        holds: what must be true.
        violation: one sentence that says what is wrong if it is not.

    Raises:
        AssertionError: with that sentence.
    """
    if not holds:
        raise AssertionError(violation)


def shown(names: list[str], most: int = 3) -> str:
    """Return some names for a sentence, and how many more there are.

    Args:
        names: the names.
        most: how many are written out.
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
