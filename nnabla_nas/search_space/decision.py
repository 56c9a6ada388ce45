"""What decoding an architecture decides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    """Edges of which decoding keeps a number, each with one candidate.

    An independent choice is one edge that is kept.

    Args:
        edges: per edge the positions of the choices on it, which decode to the same candidate.
        candidates: per edge those that may be kept on it.
        kept: how many edges are kept; the choices on all others are dropped.
    """

    edges: tuple[tuple[int, ...], ...]
    candidates: tuple[tuple[int, ...], ...]
    kept: int = 1
