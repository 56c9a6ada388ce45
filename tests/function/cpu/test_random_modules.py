"""Networks that nobody wrote compute what nnabla's own functions do."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_nas import random
from nnabla_nas.testing import check_forms, random_module


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_random_trees_of_modules(first: int) -> None:
    for seed in range(first, first + 20):
        with random.use(random.Streams(seed)):
            module = random_module(np.random.default_rng(seed), size=3 + seed % 8)
        check_forms(module, (2, 4, 5, 6), seed)
