"""How many numbers the kernels handle side by side."""

from __future__ import annotations

import os
from functools import cache

WIDTHS = (8, 16)
_NAME = "NNABLA_NAS_LANES"
_chosen: dict[str, int] = {}


@cache
def _of_processor() -> int:
    """Return how many numbers the processor's widest registers hold."""
    from llvmlite.binding import get_host_cpu_features

    return 16 if get_host_cpu_features().get("avx512f", False) else 8


def lanes() -> int:
    """Return how many numbers the kernels handle side by side.

    It decides in which order some sums are added up, and so the last bits of results. Every
    processor computes with every number of lanes, fastest with its own.

    Raises:
        ValueError: if the environment asks for a number that there is not.
    """
    if "lanes" not in _chosen:
        given = os.environ.get(_NAME)
        if given is not None and given not in map(str, WIDTHS):
            known = " or ".join(map(str, WIDTHS))
            raise ValueError(f"{_NAME} is {given!r}; kernels have {known} lanes")
        _chosen["lanes"] = _of_processor() if given is None else int(given)
    return _chosen["lanes"]


def use_lanes(count: int) -> None:
    """Compute with so many lanes in this process, whatever the processor or the environment say.

    Args:
        count: how many.

    Raises:
        ValueError: if there are no such kernels, or others are in use already.
    """
    if count not in WIDTHS:
        raise ValueError(f"kernels have {' or '.join(map(str, WIDTHS))} lanes, not {count}")
    if _chosen.setdefault("lanes", count) != count:
        raise ValueError(f"kernels of {_chosen['lanes']} lanes are in use, not of {count}")
