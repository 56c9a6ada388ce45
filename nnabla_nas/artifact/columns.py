"""Long single paths, cut into columns."""

from __future__ import annotations

import math

from nnabla_nas.artifact.diagram import Diagram

LONGEST_COLUMN = 12


def chain(diagram: Diagram) -> list[str] | None:
    """Return the node names from first to last if the diagram is one single path, else None.

    Args:
        diagram: the diagram.
    """
    following = {edge.source: edge.target for edge in diagram.edges}
    targets = {edge.target for edge in diagram.edges}
    starts = [node.name for node in diagram.nodes if node.name not in targets]
    if len(starts) != 1 or len(diagram.edges) != len(diagram.nodes) - 1:
        return None
    names = starts
    while names[-1] in following:
        names.append(following[names[-1]])
    return names if len(names) == len(diagram.nodes) else None


def columns(diagram: Diagram) -> list[list[str]]:
    """Cut a long single path into columns of about equal height; groups stay whole.

    Args:
        diagram: the diagram.

    Returns:
        The node names of each column; nothing if the diagram is no single path, is short, or its
        groups are not pieces of the path.
    """
    names = chain(diagram)
    if names is None or len(names) <= LONGEST_COLUMN:
        return []
    group_of = {name: index for index, group in enumerate(diagram.groups) for name in group.nodes}
    pieces: list[list[str]] = []
    for previous, name in zip([None, *names], names, strict=False):
        if name in group_of and previous is not None and group_of[name] == group_of.get(previous):
            pieces[-1].append(name)
        else:
            pieces.append([name])
    if len(pieces) != len(names) - len(group_of) + len({*group_of.values()}):
        return []
    n_columns = math.ceil(len(names) / LONGEST_COLUMN)
    result: list[list[str]] = [[]]
    done = 0
    for piece in pieces:
        # A piece belongs to the column in which its middle lies.
        column = int((done + len(piece) / 2) * n_columns / len(names))
        if column > len(result) - 1 and result[-1]:
            result.append([])
        result[-1].extend(piece)
        done += len(piece)
    return result if len(result) > 1 else []
