"""Judging with the weights of a trained super-network.

Source: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", 2020,
section 3.3: batch-norm statistics are recomputed for every architecture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from nnabla_nas import random
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.state_file import read_tree
from nnabla_nas.config.faults import Fault, got
from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.dataset.loader import in_order
from nnabla_nas.dataset.split import split
from nnabla_nas.dataset.transforms import evaluation_transform
from nnabla_nas.errors import InputError
from nnabla_nas.runner.candidates import Candidate, Judgement
from nnabla_nas.runner.evaluator.evaluator import Evaluator
from nnabla_nas.runner.evaluator.recalibration import Recalibration
from nnabla_nas.runner.runner import Runner
from nnabla_nas.search_space.encoding import Code, Encoding


class Inherit(Evaluator):
    """Takes the error on the validation part with a super-network's weights.

    If the config.json of the super-network's run lies beside the weights, the training set is
    divided as there: no image that trained the weights judges.

    Args:
        weights: the weights.h5 of a trained super-network of the same space.
        recalibrate: batches of `batch_size_train` training images, that batch-norm statistics are
            recomputed on for each architecture; 0 keeps those of the super-network.
    """

    def __init__(
        self,
        runner: Runner,
        encoding: Encoding,
        *,
        weights: str,
        recalibrate: Annotated[int, Field(ge=0)] = 20,
    ) -> None:
        super().__init__(runner, encoding)
        experiment = runner.experiment
        runner.model.load_weights(weights)
        portion, seed = _division(Path(weights), (experiment.train_portion, experiment.seed))
        train, self._valid = split(runner.data.train.labels, portion, seed)
        if not len(self._valid):
            text = got(weights, "weights of a run that kept images back (train_portion below 1)")
            experiment.sources.check([Fault(("algorithm", "evaluator", "weights"), text)])
        shuffled = random.Streams(seed).derived("recalibration").permutation(train)
        size = experiment.batch_size_train
        self._images = shuffled[: min(recalibrate, len(train) // size) * size]
        self._recalibration = Recalibration(
            runner.model, runner.train_graph, experiment.mini_batch_train
        )

    def judge(self, code: Code, number: int, judged: list[Candidate]) -> Judgement:
        """Return the error with inherited weights and recomputed statistics.

        Args:
            code: the architecture.
            number: how many were judged before.
            judged: what was judged before.
        """
        runner = self.runner
        runner.model.set_architecture(self.encoding.path(code))
        examples = 0
        if len(self._images):
            # The training graph draws dropout masks: they are no part of the run's streams.
            with random.use(random.Streams(runner.experiment.seed)):
                examples = self._recalibration.run(self._batches())
        size = runner.experiment.mini_batch_valid
        metrics = runner.evaluate(runner.data.train, self._valid, size, "evaluate")
        return Judgement(metrics["error"], examples + len(self._valid))

    def restore(self) -> None:
        """Give the network the super-network's statistics back."""
        self._recalibration.undo()

    def _batches(self) -> Iterator[Batch]:
        runner = self.runner
        transform = evaluation_transform(runner.data)
        size = runner.experiment.batch_size_train
        return in_order(runner.data.train, self._images, size, transform)


def _division(weights: Path, own: tuple[float, int]) -> tuple[float, int]:
    """Return train_portion and seed of the run that trained some weights, where they are known."""
    config = RunFolder(weights.parent).config
    if not config.exists():
        return own
    try:
        content: dict[str, Any] = read_tree(config)
        return float(content["train_portion"]), int(content["seed"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        why = f"cannot be read ({error}); it says which images judge"
        raise InputError(f"{config}: {why}") from error
