"""Judging without training.

Source: Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", 2021, section 3.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.loader import in_order
from nnabla_nas.dataset.transforms import evaluation_transform
from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.runner.candidates import Candidate, Judgement
from nnabla_nas.runner.evaluator.evaluator import Evaluator
from nnabla_nas.runner.evaluator.proxies import jacob_cov, synflow
from nnabla_nas.runner.runner import Runner
from nnabla_nas.search_space.encoding import Code, Encoding


class ZeroCost(Evaluator):
    """Scores architectures with the super-network's initial weights; candidates.csv has −score.

    Multiply-adds alone are the rival that any other judge has to beat.

    Args:
        proxy: `multiply_adds` and `parameters` prefer the largest; `synflow`: what all weights
            together let through (Tanaka et al. 2020); `jacob_cov`: how differently the network
            answers to the images of a batch (Mellor et al. 2020).
    """

    measures_error = False

    def __init__(
        self,
        runner: Runner,
        encoding: Encoding,
        *,
        proxy: Literal["multiply_adds", "parameters", "synflow", "jacob_cov"] = "multiply_adds",
    ) -> None:
        super().__init__(runner, encoding)
        self._proxy = proxy
        counted = {"multiply_adds": FLOPsEstimator, "parameters": ParameterEstimator}
        self._table = (
            counted[proxy]().cost_table(runner.model, runner.input_shape)
            if proxy in counted
            else None
        )
        self._batch = _first_batch(runner) if proxy == "jacob_cov" else None

    def judge(self, code: Code, number: int, judged: list[Candidate]) -> Judgement:
        """Return the negative score.

        Args:
            code: the architecture.
            number: how many were judged before.
            judged: what was judged before.
        """
        if self._table is not None:
            return Judgement(-float(self._table.total(self.encoding.indices(code))))
        model = self.runner.model
        model.set_architecture(self.encoding.path(code))
        if self._batch is not None:
            return Judgement(-jacob_cov(model, self._batch), len(self._batch))
        return Judgement(-synflow(model, self.runner.input_shape))


def _first_batch(runner: Runner) -> npt.NDArray[np.float32]:
    """Return training images, as many as fit at once."""
    size = runner.experiment.mini_batch_train
    transform = evaluation_transform(runner.data)
    return next(in_order(runner.data.train, runner.train_part[:size], size, transform)).inputs
