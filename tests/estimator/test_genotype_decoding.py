"""Genotypes decoded within bounds, against every genotype there is."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from nnabla_nas.estimator.genotype_decoding import Kept, Nodes, most_probable_genotype_within
from nnabla_nas.search_space.decision import Decision

KEPT = [2, 2]


def nodes(generator: np.random.Generator, sharpness: float) -> Nodes:
    """Return the log-probabilities of two nodes with two and three edges of four candidates."""
    return [[np.log(generator.dirichlet(np.full(4, sharpness))) for _ in range(n)] for n in (2, 3)]


def nodes_of(*n_edges: int) -> list[Decision]:
    """Return nodes that keep two of their edges and are all needed."""
    edges = iter(range(sum(n_edges)))
    return [Decision(tuple((next(edges),) for _ in range(n)), ((),) * n, 2) for n in n_edges]


def like(values: Nodes, draw) -> Nodes:
    return [[draw(len(edge)) for edge in edges] for edges in values]


def of_node(edges: list[np.ndarray]) -> list[list[int | None]]:
    genotypes = []
    for pair in combinations(range(len(edges)), 2):
        for chosen in product(*(range(len(edges[i])) for i in pair)):
            kept = dict(zip(pair, chosen, strict=True))
            genotypes.append([kept.get(i) for i in range(len(edges))])
    return genotypes


def total(values: Nodes, genotype: Kept) -> float:
    return sum(
        float(row[index])
        for edges, indices in zip(values, genotype, strict=True)
        for row, index in zip(edges, indices, strict=True)
        if index is not None
    )


@pytest.mark.parametrize("n_bounds", [1, 2])
def test_decoding_equals_brute_force(n_bounds: int) -> None:
    generator = np.random.default_rng(n_bounds)
    found = 0
    for number in range(100):
        values = nodes(generator, (0.3, 3, 1000)[number % 3])
        # Costs as counts are: large, and differing little here and there.
        costs = [
            like(values, lambda n: generator.integers(0, 2**30, n) // 7**8 * 7.0**8)
            for _ in range(n_bounds)
        ]
        every = [list(g) for g in product(*(of_node(edges) for edges in values))]
        sums = np.array([[total(one, g) for g in every] for one in costs])
        limits = [float(np.quantile(one, generator.uniform(0, 0.5))) for one in sums]
        if number % 2:
            # One below what some genotype costs.
            limits = [
                float(one[np.argmin(np.abs(one - b))]) - 1
                for one, b in zip(sums, limits, strict=True)
            ]
        within = np.all(sums <= np.array(limits)[:, None], axis=0)
        genotype = most_probable_genotype_within(values, costs, limits, nodes_of(2, 3))
        assert (genotype is not None) == within.any()
        if genotype is not None:
            found += 1
            best = max(total(values, g) for g, fits in zip(every, within, strict=True) if fits)
            assert total(values, genotype) == pytest.approx(best, abs=1e-8)
            assert all(total(c, genotype) <= b for c, b in zip(costs, limits, strict=True))
            kept = [[i for i in node if i is not None] for node in genotype]
            assert [len(one) for one in kept] == KEPT
    assert found > 60


def test_a_loose_limit_keeps_the_strongest_edges_the_first_of_equals() -> None:
    values = [[np.log([0.2, 0.5]), np.log([0.5, 0.3]), np.log([0.4, 0.4]), np.log([0.5, 0.5])]]
    costs = [like(values, np.ones)]
    assert most_probable_genotype_within(values, costs, [2.0], nodes_of(4)) == [[1, 0, None, None]]
    assert most_probable_genotype_within(values, costs, [1.9], nodes_of(4)) is None


@pytest.mark.parametrize("share", [1e-5, 1e-8, 1e-10])
def test_what_is_hardly_over_a_limit_is_not_within_it(share: float) -> None:
    generator = np.random.default_rng(3)
    values = [[np.log(generator.dirichlet(np.ones(5))) for _ in range(3)] for _ in range(3)]
    # All cost the same, but for the least probable candidate of every edge.
    cheap = [
        [np.where(edge == edge.min(), 1e8 * (1 - share), 1e8) for edge in edges] for edges in values
    ]
    limit = 6e8 - 0.5e8 * share
    genotype = most_probable_genotype_within(values, [cheap], [limit], nodes_of(3, 3, 3))
    assert genotype is not None
    assert total(cheap, genotype) <= limit
    # One cheap candidate is enough.
    assert total(cheap, genotype) == pytest.approx(6e8 - 1e8 * share, abs=1e-4)
