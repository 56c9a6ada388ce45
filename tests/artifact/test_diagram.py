from __future__ import annotations

import re
from itertools import pairwise

import pytest

from nnabla_nas.artifact import Diagram, Edge, Group, Node, side_by_side
from nnabla_nas.artifact.columns import LONGEST_COLUMN, chain, columns
from nnabla_nas.artifact.diagram import DEFAULT_COLOUR, KIND_COLOURS
from nnabla_nas.artifact.dot_source import to_dot


def path(length: int, groups: tuple[Group, ...] = ()) -> Diagram:
    names = [f"b{index}" for index in range(length)]
    edges = tuple(Edge(a, b) for a, b in pairwise(names))
    return Diagram("path", tuple(map(Node, names)), edges, groups)


def test_source_shows_texts_colours_and_widths() -> None:
    diagram = Diagram(
        "title",
        (Node("a:1", ("MB3 5x5", "p < 0.5"), "inverted_residual_5x5", 2.0), Node("b", kind="new")),
        (Edge("a:1", "b", "label"),),
        (Group("stage", ("b",)),),
    )
    source = to_dot(diagram)
    first = next(line for line in source.splitlines() if "MB3 5x5" in line)
    second = next(line for line in source.splitlines() if "<B>b</B>" in line)
    assert "p &lt; 0.5" in first
    assert KIND_COLOURS["inverted_residual_5x5"] in first
    assert DEFAULT_COLOUR in second
    widths = [float(re.search(r"width=([\d.]+)", line)[1]) for line in (first, second)]  # type: ignore[index]
    assert widths[0] == 2 * widths[1]
    assert re.search(r"n0 -> n1 \[label=\" label \"", source)
    assert re.search(r"subgraph cluster_0 \{[^}]*label=stage[^}]*n1 \[", source)


def test_kernel_sizes_and_skips_have_colours_of_their_own() -> None:
    kinds = [f"inverted_residual_{size}x{size}" for size in (3, 5, 7)]
    colours = {Node("n", kind=kind).colour for kind in [*kinds, "skip_connect", "fixed", "other"]}
    assert len(colours) == 6


def test_the_legend_names_each_kind_once_in_a_fixed_order() -> None:
    kinds = (
        "skip_connect",
        "head",
        "inverted_residual_5x5",
        "stem",
        "input",
        "skip_connect",
        "own",
    )
    nodes = tuple(Node(f"n{index}", kind=kind) for index, kind in enumerate(kinds))
    diagram = Diagram("x", nodes, (), notes=("width: expansion ratio", "p < 1"))
    assert [words for _, words in diagram.legend] == [
        "fixed",
        "inverted residual 5x5",
        "skip connect",
    ]
    assert [colour for colour, _ in diagram.legend] == [nodes[i].colour for i in (1, 2, 0)]
    source = to_dot(diagram)
    assert source.count(">inverted residual 5x5<") == 1
    assert "width: expansion ratio; p &lt; 1" in source
    assert "TABLE" in to_dot(Diagram("x", (Node("a"),), ()))


def test_side_by_side_keeps_texts_arrows_and_frames_apart() -> None:
    framed = Diagram("two", (Node("a"), Node("b")), (Edge("a", "b", "to"),), (Group("g", ("b",)),))
    plain = Diagram("one", (Node("a", ("text",), "fixed"),), (), notes=("same",))
    both = side_by_side("both", {"left": plain, "right": framed, "last": plain})
    assert [node.text for node in both.nodes] == [("text",), ("a",), ("b",), ("text",)]
    assert len({node.name for node in both.nodes}) == 4
    (edge,) = both.edges
    assert (edge.source, edge.target, edge.label) == (both.nodes[1].name, both.nodes[2].name, "to")
    frames = {group.title: group.nodes for group in both.groups}
    assert frames == {
        "left": (both.nodes[0].name,),
        "right: g": (both.nodes[2].name,),
        "last": (both.nodes[3].name,),
    }
    assert both.notes == ("same",)


def test_control_characters_do_not_reach_the_source() -> None:
    source = to_dot(Diagram("a\0b", (Node("n\n\x1b"),), ()))
    assert "\0" not in source
    assert "\x1b" not in source


@pytest.mark.parametrize(
    ("nodes", "edges", "groups", "message"),
    [
        ("aa", [], [], "node named twice: a"),
        ("a", [("a", "b")], [], "no such node: b"),
        ("a", [], ["ac"], "no such node: c"),
        ("ab", [], ["a", "ab"], "group member named twice: a"),
        ("ab", [("a", "b"), ("b", "a")], [], "edges form a cycle"),
        ("a", [("a", "a")], [], "edges form a cycle"),
    ],
)
def test_what_is_no_diagram_is_refused(
    nodes: str, edges: list[tuple[str, str]], groups: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Diagram(
            "x",
            tuple(map(Node, nodes)),
            tuple(Edge(*ends) for ends in edges),
            tuple(Group("g", tuple(names)) for names in groups),
        )


def test_chain_is_a_single_path_only() -> None:
    assert chain(path(3)) == ["b0", "b1", "b2"]
    nodes = tuple(map(Node, "abcd"))
    fork = (Edge("a", "b"), Edge("a", "c"), Edge("c", "d"))
    join = (Edge("a", "d"), Edge("b", "d"), Edge("c", "d"))
    two = (Edge("a", "b"), Edge("c", "d"))
    doubled = (Edge("a", "b"), Edge("a", "b"), Edge("c", "d"))
    for edges in (fork, join, two, doubled):
        assert chain(Diagram("x", nodes, edges)) is None


@pytest.mark.parametrize("length", [13, 21, 24, 25, 60])
def test_long_paths_are_cut_into_even_columns(length: int) -> None:
    parts = columns(path(length))
    assert [name for part in parts for name in part] == [f"b{index}" for index in range(length)]
    heights = [len(part) for part in parts]
    assert max(heights) <= LONGEST_COLUMN
    assert max(heights) - min(heights) <= 1


def test_short_paths_stay_whole() -> None:
    assert columns(path(LONGEST_COLUMN)) == []


def test_groups_stay_in_one_column() -> None:
    stages = [("b2", "b3", "b4", "b5", "b6", "b7"), ("b8", "b9"), ("b10", "b11", "b12", "b13")]
    parts = columns(path(16, tuple(Group("stage", stage) for stage in stages)))
    assert [name for part in parts for name in part] == [f"b{index}" for index in range(16)]
    assert len(parts) == 2
    for stage in stages:
        assert any(set(stage) <= set(part) for part in parts)


def test_groups_that_are_no_piece_of_the_path_prevent_columns() -> None:
    assert columns(path(20, (Group("ends", ("b0", "b19")),))) == []
