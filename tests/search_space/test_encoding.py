"""Architectures as tuples of integers: every architecture has one, and decodes to itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import comb

import numpy as np
import pytest

from nnabla_nas import random
from nnabla_nas.errors import InputError
from nnabla_nas.estimator import FLOPsEstimator
from nnabla_nas.search_space import darts, mobilenet, pnas, zoph
from nnabla_nas.search_space.darts.operations import NONE
from nnabla_nas.search_space.encoding import Encoding
from nnabla_nas.search_space.model import Model
from nnabla_nas.testing.toy_space import SearchNet

SHAPE = (1, 8, 8)
SPACES: dict[str, Callable[[], Model]] = {
    "toy": lambda: SearchNet(n_blocks=3),
    "mobilenet": lambda: mobilenet.SearchNet(10, 1, [[16, 2, 1], [24, 2, 2]], in_channels=1),
    "darts": lambda: darts.Darts.SearchNet(1, 2, 3, 10, 3, 3, "sample", shared=True),
    "pnas": lambda: pnas.Pnas.SearchNet(1, 2, 3, 10, 2, 2),
    "zoph": lambda: zoph.Zoph.SearchNet(
        "", SHAPE, 10, 2, cell_depth=(2,), cell_channels=[2], cells=["ZophCell"], reducing=[True]
    ),
}


@pytest.fixture(params=SPACES)
def model(request: pytest.FixtureRequest) -> Model:
    with random.use(random.Streams(0)):
        return SPACES[request.param]()


def test_an_architecture_survives_its_code(model: Model) -> None:
    encoding, rng = Encoding(model), np.random.default_rng(0)
    for _ in range(20):
        code = encoding.random(rng)
        assert encoding.code(encoding.indices(code)) == code
        assert encoding.read(encoding.text(code)) == code


def test_a_network_decodes_to_what_was_decided(model: Model) -> None:
    encoding, rng = Encoding(model), np.random.default_rng(1)
    flops = FLOPsEstimator()
    table = flops.cost_table(model, SHAPE)
    for _ in range(5):
        code = encoding.random(rng)
        encoding.decide(code)
        assert flops.estimate(model.derived(), SHAPE) == table.total(encoding.indices(code))


def test_neighbours_differ_in_one_variable(model: Model) -> None:
    encoding = Encoding(model)
    code = encoding.random(np.random.default_rng(2))
    neighbours = encoding.neighbours(code)
    assert len(set(neighbours)) == sum(size - 1 for size in encoding.sizes)
    assert {sum(a != b for a, b in zip(code, one, strict=True)) for one in neighbours} == {1}


def test_a_genotype_has_one_code_and_drops_the_other_edges() -> None:
    model = SPACES["darts"]()
    encoding = Encoding(model)
    # Per kind of cell: which two edges of every node, and an operation for both.
    operations = NONE**2
    per_cell = comb(2, 2) * operations * comb(3, 2) * operations * comb(4, 2) * operations
    assert encoding.n_architectures == per_cell**2
    path = encoding.path(encoding.random(np.random.default_rng(3)))
    per_node = Counter(np.repeat([0, 1, 2], [2, 3, 4])[np.array(path[:9]) == NONE].tolist())
    assert per_node == {1: 1, 2: 2}


def test_all_architectures_are_different() -> None:
    encoding = Encoding(SPACES["toy"]())
    codes = list(encoding.all())
    assert len(set(codes)) == len(codes) == encoding.n_architectures == 27


@pytest.mark.parametrize("text", ["", "0", "0-0-9", "0-0-0-0", "a-b-c", "0-0--1", "9" * 5000])
def test_what_is_no_architecture_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no architecture of this search space"):
        Encoding(SPACES["toy"]()).read(text)
