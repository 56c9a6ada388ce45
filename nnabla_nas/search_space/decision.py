"""What decoding an architecture decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Decision:
    """Edges of which decoding keeps a number, each with one candidate.

    An independent choice is one edge that is kept.

    Args:
        edges: per edge the positions of the choices on it, which decode to the same candidate.
        candidates: per edge those that may be kept on it.
        kept: how many edges are kept; the choices on all others are dropped.
        reads: per edge the number of an earlier decision whose node it starts from, None where it
            starts from what every architecture computes; empty where all do.
        needed: whether the network computes its node even where no edge that it needs reads it.
    """

    edges: tuple[tuple[int, ...], ...]
    candidates: tuple[tuple[int, ...], ...]
    kept: int = 1
    reads: tuple[int | None, ...] = ()
    needed: bool = True


def computed(decisions: Sequence[Decision], indices: Sequence[int | None]) -> list[int | None]:
    """Return the part of an architecture that its network computes.

    Args:
        decisions: what decoding decides; a node stands behind those that it reads.
        indices: per choice its candidate, None where the architecture drops the choice.

    Returns:
        The same without the choices on edges into nodes that nothing needs.
    """
    kept = [[indices[edge[0]] is not None for edge in one.edges] for one in decisions]
    left = list(indices)
    for one, needed in zip(decisions, needed_nodes(decisions, kept), strict=True):
        if not needed:
            for edge in one.edges:
                for position in edge:
                    left[position] = None
    return left


def needed_nodes(decisions: Sequence[Decision], kept: Sequence[Sequence[bool]]) -> list[bool]:
    """Return which nodes a network computes.

    Args:
        decisions: what decoding decides; a node stands behind those that it reads.
        kept: per decision and edge whether it is kept.
    """
    needed = [one.needed for one in decisions]
    for number in reversed(range(len(decisions))):
        for source, keeps in zip(decisions[number].reads, kept[number], strict=False):
            if source is not None and keeps and needed[number]:
                needed[source] = True
    return needed


def computed_shares(decisions: Sequence[Decision]) -> list[float]:
    """Return per decision the share of all architectures that compute its node.

    Every set of edges that a node may keep is as frequent as every other.

    Args:
        decisions: what decoding decides; a node stands behind those that it reads.
    """
    shares = [float(one.needed) for one in decisions]
    # Which of the nodes that are still to come are needed → in what share of the architectures.
    frontier: dict[frozenset[int], float] = {frozenset(): 1.0}
    for number in reversed(range(len(decisions))):
        one = decisions[number]
        if not one.needed:
            shares[number] = sum(share for needed, share in frontier.items() if number in needed)
        if not any(source is not None for source in one.reads):
            continue
        sets = list(combinations(one.reads, one.kept))
        following: dict[frozenset[int], float] = {}
        for needed, share in frontier.items():
            here = one.needed or number in needed
            for kept in sets if here else [()]:
                more = needed | {source for source in kept if source is not None}
                part = share / len(sets) if here else share
                following[more] = following.get(more, 0.0) + part
        frontier = following
    return shares
