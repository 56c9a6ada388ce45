from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nnabla_nas import random
from nnabla_nas.errors import GenotypeError
from nnabla_nas.module import Parameter
from nnabla_nas.module.parameter_file import write_parameters
from nnabla_nas.search_space.darts.genotype import (
    decode,
    mean_probabilities,
    n_edges,
    random_genotype,
)
from nnabla_nas.search_space.darts.genotype_file import read_cells


def test_a_cell_of_four_nodes_has_fourteen_edges() -> None:
    assert [n_edges(n) for n in (1, 2, 3, 4)] == [2, 5, 9, 14]


def test_two_edges_are_kept_by_their_best_operation_and_none_does_not_count() -> None:
    p = np.full((5, 8), 0.01)
    p[0, 7], p[0, 2] = 0.9, 0.03
    p[1, 5] = 0.5
    p[2, 0], p[3, 7], p[4, 4] = 0.3, 0.9, 0.4
    assert decode(p, 2) == [[(5, 1), (2, 0)], [(4, 2), (0, 0)]]


def test_of_equals_the_first_edge_and_the_first_operation_come_first() -> None:
    equal = np.full((9, 8), 1 / 8)
    assert decode(equal, 3) == [[(0, 0), (0, 1)]] * 3
    equal[8, [3, 5]] = 0.2
    assert decode(equal, 3)[2] == [(3, 3), (0, 0)]


def brute_force(p: np.ndarray, num_choices: int) -> list[list[tuple[int, int]]]:
    """Rank with sorted(), edge by edge."""
    nodes, start = [], 0
    for node in range(num_choices):
        edges = []
        for source in range(node + 2):
            row = p[start + source, :7]
            best = max(range(7), key=lambda op: (row[op], -op))
            edges.append((-row[best], source, best))
        nodes.append([(op, source) for _, source, op in sorted(edges)[:2]])
        start += node + 2
    return nodes


def test_against_plain_loops() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        # Few values, so that there are ties.
        p = rng.integers(1, 5, size=(14, 8)).astype(float)
        assert decode(p, 4) == brute_force(p, 4)


def test_cells_with_parameters_of_their_own_count_by_their_mean_probabilities() -> None:
    rng = np.random.default_rng(0)
    cells = [rng.normal(size=(5, 8)) for _ in range(3)]
    softmax = [np.exp(c) / np.exp(c).sum(axis=1, keepdims=True) for c in cells]
    np.testing.assert_allclose(mean_probabilities(cells, 2), np.mean(softmax, axis=0))
    np.testing.assert_array_equal(mean_probabilities([], 2), np.full((5, 8), 1 / 8))


def test_a_random_genotype_follows_the_seed_and_uses_everything() -> None:
    def draw(seed: int) -> Any:
        with random.use(random.Streams(seed)):
            return random_genotype(4)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    drawn = [draw(seed) for seed in range(60)]
    cells = [genotype[kind] for genotype in drawn for kind in ("normal", "reduce")]
    last = [edge for cell in cells for edge in cell[3]]
    assert {op for op, _ in last} == set(range(7))
    assert {source for _, source in last} == set(range(5))
    assert all(a != b for cell in cells for (_, a), (_, b) in cell)


WORDS = {
    "normal_alpha": {"2": [[0, 0], [6, 1]], "3": [[2, 2], [4, 0]]},
    "reduce_alpha": {"2": [[1, 1], [5, 0]], "3": [[3, 1], [3, 2]]},
}


def test_a_genotype_in_words_is_read(tmp_path) -> None:
    path = tmp_path / "arch.json"
    path.write_text(json.dumps({**WORDS, "choices": [], "parameters": 5}))
    assert read_cells(path, 2) == {
        "normal": [[(0, 0), (6, 1)], [(2, 2), (4, 0)]],
        "reduce": [[(1, 1), (5, 0)], [(3, 1), (3, 2)]],
    }


def with_node(edges: Any) -> dict[str, Any]:
    return {**WORDS, "reduce_alpha": {**WORDS["reduce_alpha"], "3": edges}}


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ([WORDS], "normal_alpha"),
        ({"choices": [{"path": "_features/2/_mixed", "operation": "MB3 3x3"}]}, "normal_alpha"),
        ({"normal_alpha": WORDS["normal_alpha"]}, "reduce_alpha"),
        ({**WORDS, "normal_alpha": {"2": [[0, 0], [6, 1]]}}, "normal_alpha"),
        ({**WORDS, "normal_alpha": {**WORDS["normal_alpha"], "4": [[0, 0], [0, 1]]}}, "keys 2, 3"),
        ({**WORDS, "reduce_alpha": [[[1, 1], [5, 0]]]}, "reduce_alpha"),
        (with_node(None), "reduce_alpha.3"),
        (with_node([[3, 1]]), "reduce_alpha.3"),
        (with_node([[3, 1], [3, 2], [3, 0]]), "reduce_alpha.3"),
        (with_node([[3, 1], [3, 1]]), "reduce_alpha.3"),
        (with_node([[3, 1], [3, 3]]), "reduce_alpha.3"),
        (with_node([[3, 1], [3, -1]]), "reduce_alpha.3"),
        (with_node([[3, 1], [7, 0]]), "reduce_alpha.3"),
        (with_node([[3, 1], [-1, 0]]), "reduce_alpha.3"),
        (with_node([[3, 1], [True, 0]]), "reduce_alpha.3"),
        (with_node([[3, 1], [2.0, 0]]), "reduce_alpha.3"),
        (with_node([[3, 1], ["sep_conv_3x3", 0]]), "reduce_alpha.3"),
        (with_node([[3, 1], [10**30, 0]]), "reduce_alpha.3"),
        (with_node([[3, 1], [3, 0, 0]]), "reduce_alpha.3"),
        (with_node({"0": [3, 1], "1": [3, 0]}), "reduce_alpha.3"),
    ],
)
def test_words_of_another_kind_are_refused_in_one_line(tmp_path, content: Any, key: str) -> None:
    path = tmp_path / "arch.json"
    path.write_text(json.dumps(content))
    with pytest.raises(GenotypeError, match=key) as caught:
        read_cells(path, 2)
    (line,) = caught.value.faults
    assert str(path) in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.json", None),
        ("missing.h5", None),
        ("text.h5", b"hello"),
        ("text.json", b"hello"),
        ("deep.json", b"[" * 100_000),
        ("bytes.json", b"\xff\xfe"),
        ("large.json", b" " * 10_000_001),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GenotypeError, match=name.replace(".", r"\.")) as caught:
        read_cells(path, 2)
    assert len(caught.value.faults) == 1


def shared(**changes: Any) -> dict[str, Parameter]:
    found = {f"{k}/{e}": Parameter((8, 1, 1, 1, 1)) for k in (0, 1) for e in range(5)}
    return {**found, **changes}


def test_alphas_of_another_network_are_refused(tmp_path) -> None:
    path = tmp_path / "arch.h5"
    infinite = Parameter((8, 1, 1, 1, 1))
    infinite.d = np.inf
    missing = shared()
    del missing["1/3"]
    unshared = {
        f"_cells/{c}/_blocks/{e}/_mixed/_alpha": Parameter((8, 1, 1, 1, 1))
        for c in (0, 2)
        for e in range(5)
    }
    for alphas, words in (
        (missing, "1/3"),
        (shared(**{"0/5": Parameter((8, 1, 1, 1, 1))}), "0/5"),
        (shared(**{"0/2": Parameter((7, 1, 1, 1, 1))}), "shape"),
        (shared(**{"0/2": infinite}), "not finite"),
        (unshared, "_cells/1/_blocks/0/_mixed/_alpha"),
        ({"_features/2/_mixed/_alpha": Parameter((6, 1, 1, 1, 1))}, "no architecture parameter"),
        ({"_cells/99999999999/_alpha": Parameter((8, 1, 1, 1, 1))}, "_cells/0/_blocks/0"),
    ):
        write_parameters(path, alphas)
        with pytest.raises(GenotypeError, match=words) as caught:
            read_cells(path, 2)
        assert len(caught.value.faults) == 1
