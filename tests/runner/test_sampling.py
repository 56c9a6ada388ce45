"""Choices draw independently of each other and of what they drew before, all from one stream."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, chi2_contingency

import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.search_space import Model

DRAWS = 4000
LEVEL = 1e-3


class Blocks(Model):
    """Four choices between three candidates; the last two share their parameter."""

    def __init__(self) -> None:
        shared = Mo.Parameter((3, 1, 1, 1, 1))
        self.blocks = Mo.ModuleList(
            Mo.MixedOp([Mo.Identity() for _ in range(3)], "sample", alpha)
            for alpha in (None, None, shared, shared)
        )
        for position, block in enumerate(self.blocks):
            p = np.array([0.2, 0.3, 0.5])[[position % 3, (position + 1) % 3, (position + 2) % 3]]
            block.alpha.d = np.log(p).reshape(block.alpha.shape)


def drawn(pairs: bool) -> tuple[Blocks, np.ndarray]:
    model = Blocks()
    choices = model.choices().values()
    with random.use(random.Streams(11)):
        rows = [[c.draw_pair()[0] if pairs else c.draw() for c in choices] for _ in range(DRAWS)]
    return model, np.array(rows)


def crossed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    table = np.zeros((3, 3))
    np.add.at(table, (a, b), 1)
    return table


@pytest.mark.parametrize("pairs", [False, True])
def test_blocks_and_successive_draws_are_independent(pairs: bool) -> None:
    _, draws = drawn(pairs)
    for i in range(4):
        assert chi2_contingency(crossed(draws[:-1, i], draws[1:, i])).pvalue > LEVEL
        for j in range(i):
            assert chi2_contingency(crossed(draws[:, i], draws[:, j])).pvalue > LEVEL


def test_each_block_follows_its_own_probabilities() -> None:
    model, draws = drawn(False)
    for position, block in enumerate(model.blocks):
        expected = DRAWS * block.probabilities
        counts = np.bincount(draws[:, position], minlength=3)
        assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - LEVEL, 2)


def test_the_test_sees_draws_that_depend_on_each_other() -> None:
    _, draws = drawn(False)
    copied = np.where(np.arange(DRAWS) % 8 == 0, draws[:, 0], draws[:, 1])
    assert chi2_contingency(crossed(draws[:, 0], copied)).pvalue < LEVEL
