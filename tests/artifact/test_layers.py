from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from nnabla_nas.artifact import Diagram, Edge, Group, Node
from nnabla_nas.artifact.layers import place_layers
from nnabla_nas.artifact.layout import Layout, Point, place_columns


@st.composite
def diagrams(draw: st.DrawFn) -> Diagram:
    names = [f"n{index}" for index in range(draw(st.integers(1, 9)))]
    pairs = list(combinations(names, 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    labels = st.sampled_from(["", "label"])
    return Diagram("x", tuple(map(Node, names)), tuple(Edge(*p, draw(labels)) for p in chosen))


def box(layout: Layout, name: str) -> tuple[float, float, float, float]:
    (x, y), (width, height) = layout.centres[name], layout.sizes[name]
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def crosses(start: Point, end: Point, area: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = area
    for step in range(41):
        x = start[0] + (end[0] - start[0]) * step / 40
        y = start[1] + (end[1] - start[1]) * step / 40
        if left + 0.01 < x < right - 0.01 and top + 0.01 < y < bottom - 0.01:
            return True
    return False


@settings(max_examples=60, deadline=None)
@given(diagrams(), st.data())
def test_no_box_overlaps_another_and_no_arrow_crosses_a_box(
    diagram: Diagram, data: st.DataObject
) -> None:
    side = st.integers(10, 80)
    sizes = {node.name: (float(data.draw(side)), float(data.draw(side))) for node in diagram.nodes}
    labels = {index: (50.0, 14.0) for index, edge in enumerate(diagram.edges) if edge.label}
    layout = place_layers(diagram, sizes, labels)
    areas = {node.name: box(layout, node.name) for node in diagram.nodes}
    for a, b in combinations(areas.values(), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for left, top, right, bottom in areas.values():
        assert left >= -0.01
        assert top >= -0.01
        assert right <= layout.width + 0.01
        assert bottom <= layout.height + 0.01
    for edge, route in zip(diagram.edges, layout.routes, strict=True):
        assert route[0] == layout.bottom(edge.source)
        assert route[-1] == layout.top(edge.target)
        assert all(below[1] >= above[1] for above, below in pairwise(route))
        for start, end in pairwise(route):
            assert not any(crosses(start, end, area) for area in areas.values())
    assert set(layout.labels) == set(labels)


def test_a_frame_keeps_unconnected_nodes_together() -> None:
    nodes = tuple(map(Node, "abcd"))
    sizes = dict.fromkeys("abcd", (10.0, 10.0))
    apart = place_layers(Diagram("x", nodes, (Edge("a", "b"), Edge("c", "d"))), sizes, {})
    framed = Diagram("x", nodes, (Edge("a", "b"), Edge("c", "d")), (Group("g", ("a", "c")),))
    together = place_layers(framed, sizes, {})
    assert together.width < apart.width
    assert apart.centres["b"][0] == apart.centres["a"][0] < apart.centres["c"][0]


def test_a_path_in_columns_turns_between_them() -> None:
    names = "abcdef"
    edges = tuple(Edge(source, target, "label") for source, target in pairwise(names))
    diagram = Diagram("x", tuple(map(Node, names)), edges)
    sizes = dict.fromkeys(names, (30.0, 20.0))
    labels = dict.fromkeys(range(5), (40.0, 14.0))
    layout = place_columns(diagram, sizes, labels, [["a", "b", "c"], ["d", "e", "f"]])
    areas = [box(layout, name) for name in names]
    assert areas[0][1] == areas[3][1] == 0
    assert areas[2][2] < areas[3][0]
    for (source, target), route in zip(pairwise(names), layout.routes, strict=True):
        assert (route[0], route[-1]) == (layout.bottom(source), layout.top(target))
        for start, end in pairwise(route):
            assert not any(crosses(start, end, area) for area in areas)
    for x, y in layout.labels.values():
        assert not any(a <= x <= c and b <= y <= d for a, b, c, d in areas)
    assert areas[2][2] < layout.labels[2][0] < areas[3][0]
