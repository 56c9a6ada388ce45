"""Random graphs: sizes in closed form, orientation, connectedness."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from nnabla_nas.search_space.random_wired.graph import draw_edges, graph_faults, predecessors

GRAPHS = [("watts_strogatz", 4, 0.75), ("erdos_renyi", 4, 0.3), ("barabasi_albert", 3, 0.75)]


def reached(start: int, following: dict[int, set[int]]) -> set[int]:
    found, waiting = {start}, [start]
    while waiting:
        new = following.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


@pytest.mark.parametrize(("name", "k", "p"), GRAPHS)
def test_every_vertex_lies_on_a_path_from_the_input_to_the_output(name, k, p) -> None:
    n = 12
    for seed in range(40):
        edges = draw_edges(name, n, k, p, np.random.default_rng(seed))
        sources = dict(enumerate(predecessors(n, edges), 1))
        assert list(sources) == [*range(1, n + 2)]
        forwards: dict[int, set[int]] = {}
        for vertex, inputs in sources.items():
            assert inputs
            assert list(inputs) == sorted(set(inputs))
            assert max(inputs) < vertex
            for source in inputs:
                forwards.setdefault(source, set()).add(vertex)
        backwards = {vertex: set(inputs) for vertex, inputs in sources.items()}
        assert reached(0, forwards) == reached(n + 1, backwards) == set(range(n + 2))


@pytest.mark.parametrize(("name", "k", "p"), GRAPHS)
def test_the_graph_is_connected_before_input_and_output_are_added(name, k, p) -> None:
    for seed in range(40):
        both: dict[int, set[int]] = {}
        for a, b in draw_edges(name, 12, k, p, np.random.default_rng(seed)):
            assert a < b
            both.setdefault(a, set()).add(b)
            both.setdefault(b, set()).add(a)
        assert reached(0, both) == set(range(12))


def test_a_graph_that_is_not_connected_is_drawn_again() -> None:
    again = 0
    for seed in range(20):
        first = nx.erdos_renyi_graph(12, 0.2, seed=np.random.default_rng(seed))
        edges = draw_edges("erdos_renyi", 12, 4, 0.2, np.random.default_rng(seed))
        if nx.is_connected(first):
            assert edges == sorted(tuple(sorted(edge)) for edge in first.edges)
        else:
            again += 1
    assert again > 3


def test_a_graph_that_is_never_connected_is_refused_with_what_to_change() -> None:
    with pytest.raises(ValueError, match="choose a larger p"):
        draw_edges("erdos_renyi", 20, 4, 1e-6, np.random.default_rng(0))


def test_numbers_of_edges() -> None:
    generator = np.random.default_rng(0)
    for n, k in ((20, 4), (9, 2), (15, 6)):
        assert len(draw_edges("watts_strogatz", n, k, 0.5, generator)) == n * k / 2
    # The first k + 1 vertices are a star, each later one brings k edges.
    for n, k in ((20, 5), (6, 1)):
        assert len(draw_edges("barabasi_albert", n, k, 0, generator)) == k + (n - k - 1) * k
    assert len(draw_edges("erdos_renyi", 10, 0, 1.0, generator)) == 45
    ring = draw_edges("watts_strogatz", 6, 2, 0.0, generator)
    assert ring == [(0, 1), (0, 5), (1, 2), (2, 3), (3, 4), (4, 5)]
    assert predecessors(6, ring) == [(0,), (1,), (2,), (3,), (4,), (1, 5), (6,)]


@pytest.mark.parametrize(
    ("name", "k", "p", "argument"),
    [
        ("watts_strogatz", 3, 0.5, "k"),
        ("watts_strogatz", 0, 0.5, "k"),
        ("watts_strogatz", 10, 0.5, "k"),
        ("watts_strogatz", 4, 1.5, "p"),
        ("erdos_renyi", 0, 0.0, "p"),
        ("erdos_renyi", 0, 1.1, "p"),
        ("barabasi_albert", 0, 0.5, "k"),
        ("barabasi_albert", 10, 0.5, "k"),
    ],
)
def test_what_no_graph_can_be_drawn_with(name: str, k: int, p: float, argument: str) -> None:
    ((found, text),) = graph_faults(name, 10, k, p)
    assert found == argument
    assert "allowed" in text


@pytest.mark.parametrize(
    ("name", "k", "p"), [*GRAPHS, ("erdos_renyi", 99, 0.9), ("barabasi_albert", 1, 9.0)]
)
def test_arguments_of_other_generators_do_not_matter(name: str, k: int, p: float) -> None:
    assert graph_faults(name, 10, k, p) == []
    assert draw_edges(name, 10, k, p, np.random.default_rng(1))
