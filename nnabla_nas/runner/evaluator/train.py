"""Judging by a short training from scratch; with several lengths by successive halving.

Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020, algorithm 2, one
architecture after the other.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field

from nnabla_nas import random
from nnabla_nas.config.faults import Fault, got
from nnabla_nas.dataset.loader import Loader
from nnabla_nas.dataset.transforms import training_transform
from nnabla_nas.errors import DivergedError
from nnabla_nas.optimizer.loss_scale import LossScale
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.runner.candidates import Candidate, Judgement
from nnabla_nas.runner.evaluator.evaluator import Evaluator
from nnabla_nas.runner.optimizers import build_optimizer
from nnabla_nas.runner.runner import Runner
from nnabla_nas.search_space.encoding import Code, Encoding

_Epochs = Annotated[int, Field(ge=1)]
# Of so many that were trained for a length, one is trained on.
_REDUCTION = 3
_WORST = 1.0


class Train(Evaluator):
    """Trains an architecture by `optimizer.train`, and takes its error on the validation part.

    All start from the super-network's initial weights and see the same images in the same order.
    The learning rate follows its schedule over the longest training.

    Args:
        epoch: epochs of training; a list of rising numbers halves successively: the training goes
            on after a length while its error there is among the best third so far.
    """

    phases = ("train",)

    def __init__(
        self, runner: Runner, encoding: Encoding, *, epoch: _Epochs | list[_Epochs] = 1
    ) -> None:
        super().__init__(runner, encoding)
        self._lengths = [epoch] if isinstance(epoch, int) else list(epoch)
        if not self._lengths or any(a >= b for a, b in pairwise(self._lengths)):
            text = got(epoch, "an integer >= 1, or a rising list")
            runner.experiment.sources.check([Fault(("algorithm", "evaluator", "epoch"), text)])
        self.longest = self._lengths[-1]
        self._initial = {k: p.d.copy() for k, p in runner.model.get_net_parameters().items()}

    def judge(self, code: Code, number: int, judged: list[Candidate]) -> Judgement:
        """Return the error after the longest training that the architecture was worth.

        Args:
            code: the architecture.
            number: how many were judged before.
            judged: what was judged before.
        """
        runner, done, errors = self.runner, 0, list[float]()
        streams = random.Streams(runner.experiment.seed)
        self.restore()
        runner.model.set_architecture(self.encoding.path(code))
        optimizer = self._optimizer()
        with random.use(streams), self._loader(streams) as loader:
            for rung, length in enumerate(self._lengths):
                try:
                    for _ in range((length - done) * loader.updates_per_epoch):
                        self._update(optimizer, loader)
                    errors.append(self._error())
                except DivergedError:
                    errors.append(_WORST)
                done = length
                before = [
                    c.judgement.history[rung] for c in judged if len(c.judgement.history) > rung
                ]
                if not is_promoted(errors[-1], before):
                    break
        trained = done * loader.updates_per_epoch * runner.experiment.batch_size_train
        examples = trained + len(errors) * len(runner.valid_part)
        history = tuple(errors) if len(self._lengths) > 1 else ()
        return Judgement(errors[-1], examples, done, history)

    def restore(self) -> None:
        """Give the network its initial parameters back."""
        self.runner.model.set_parameters(self._initial)

    def _optimizer(self) -> Optimizer:
        experiment = self.runner.experiment
        assert experiment.optimizer.train is not None
        n_updates = self.longest * self.runner.train_loader.updates_per_epoch
        scale = None if experiment.type_config == "float" else LossScale()
        return build_optimizer(
            experiment.optimizer.train, self.runner.net_parameters, n_updates, scale
        )

    def _loader(self, streams: random.Streams) -> Loader:
        runner = self.runner
        transform = training_transform(runner.data, runner.experiment.cutout)
        size = runner.experiment.batch_size_train
        return Loader(runner.data.train, runner.train_part, size, transform, streams, "train")

    def _update(self, optimizer: Optimizer, loader: Loader) -> None:
        # What is trained half is trained anew; candidates.csv holds all others.
        self.runner.interruption.check("while an architecture was trained; --resume goes on")
        optimizer.zero_grad()
        self.runner.train_graph.accumulate(loader.next(), optimizer.scale)
        optimizer.unscale()
        optimizer.update()

    def _error(self) -> float:
        runner = self.runner
        size = runner.experiment.mini_batch_valid
        return runner.evaluate(runner.data.train, runner.valid_part, size, "judge")["error"]


def is_promoted(error: float, before: list[float]) -> bool:
    """Return whether a training is worth going on with.

    Args:
        error: its error.
        before: the errors of those that were trained as long before it.
    """
    ranked = sorted([*before, error])
    return error <= ranked[max(len(ranked) // _REDUCTION - 1, 0)]
