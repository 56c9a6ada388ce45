"""Every check of runners catches the runner that is broken in just that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas import testing
from nnabla_nas.dataset.synthetic import Synthetic
from nnabla_nas.errors import NasError
from nnabla_nas.registry import register_dataset, register_runner
from nnabla_nas.runner.searcher.proxyless_nas import ProxylessNasSearcher
from nnabla_nas.runner.trainer import Trainer


@register_runner("broken_by_entropy")
class DrawsFromTheSystem(Trainer):
    """Draws from a generator that no seed decides."""

    def finish_epoch(self) -> None:
        for parameter in self.net_parameters.values():
            parameter.d = parameter.d + np.random.default_rng().normal(size=parameter.shape)
        super().finish_epoch()


@register_runner("broken_by_constants")
class IgnoresTheSeed(Trainer):
    """Ends with the same weights whatever the seed."""

    def finish_epoch(self) -> None:
        for parameter in self.model.get_parameters().values():
            parameter.d = np.ones(parameter.shape)
        super().finish_epoch()


@register_runner("broken_by_a_counter")
class ForgetsACounter(Trainer):
    """Depends on a number that is not part of its state."""

    done = 0

    def update(self) -> None:
        self.done += 1
        super().update()
        for parameter in self.net_parameters.values():
            parameter.d = parameter.d * (1 - 0.01 * self.done)


@register_runner("broken_by_its_baseline")
class ForgetsItsBaseline(ProxylessNasSearcher):
    """Starts with a fresh baseline after a stop."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.progress.baseline = 0.1


@register_runner("broken_by_objects")
class KeepsObjects(Trainer):
    """Has objects in its state."""

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "path": [Path("somewhere")]}


@register_runner("broken_by_omission")
class WritesNoWeights(Trainer):
    """Leaves a file out."""

    def keep(self, *metrics: Any) -> None:
        self.kept = dict(zip(("train", "valid", "test"), metrics, strict=True))

    def kept_files(self) -> tuple[Path, ...]:
        return ()


@register_runner("broken_by_a_stray_file")
class WritesElsewhere(Trainer):
    """Writes a file outside of the output folder."""

    def finish_epoch(self) -> None:
        Path("notes.txt").write_text("an epoch is over")
        super().finish_epoch()


@register_runner("broken_by_a_partial_file")
class LeavesAPartialFile(Trainer):
    """Leaves a file behind that was to be renamed."""

    def finish_epoch(self) -> None:
        (self.folder.path / ".weights.partial.h5").write_text("")
        super().finish_epoch()


@register_runner("broken_by_half")
class SkipsRows(Trainer):
    """Does not record its last epoch."""

    def finish_epoch(self) -> None:
        if self.progress.epoch < self.experiment.epoch:
            super().finish_epoch()
        else:
            self.keep({}, *self.judge())


@register_runner("broken_by_its_exit")
class EndsWithAnotherCode(Trainer):
    """Ends as if it had failed."""

    def run(self) -> int:
        super().run()
        return 3


@register_runner("broken_by_its_loop")
class HasALoopOfItsOwn(Trainer):
    """Updates outside of run_epoch."""

    def run_epoch(self, description: str, update: Callable[[], None]) -> None:
        def report() -> None:
            for name in ("loss_train", "error_train", "time/data"):
                self.meters[name].add(0.0)

        super().run_epoch(description, report)
        for _ in range(self.updates_per_epoch):
            update()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        raise NotImplementedError


@register_dataset("broken_by_a_cache")
class CachesInTheFolder(Synthetic):
    """Writes a file as soon as it is made."""

    def __init__(self, input_shape: tuple[int, int, int] = (1, 8, 8), seed: int = 0) -> None:
        super().__init__(input_shape, seed, n_classes=4, n_train=48, n_test=12)
        Path("cache.bin").write_bytes(b"")


RUNNERS: dict[str, tuple[Callable[..., None], str]] = {
    "broken_by_entropy": (testing.check_seeds, "one seed give different results: weights.h5"),
    "broken_by_constants": (testing.check_seeds, "different seeds give the same weights.h5"),
    "broken_by_a_counter": (testing.check_continuation, "after update 1 of 9 .*weights.h5 differs"),
    "broken_by_its_baseline": (testing.check_continuation, "arch.h5 differs"),
    "broken_by_omission": (testing.check_output_folder, "lacks weights.h5"),
    "broken_by_a_stray_file": (testing.check_output_folder, "writes notes.txt outside"),
    "broken_by_a_partial_file": (testing.check_output_folder, "keeps .weights.partial.h5"),
    "broken_by_half": (testing.check_output_folder, "2 rows for 3 epochs"),
    "broken_by_its_exit": (testing.check_output_folder, "exit code 3"),
    "broken_by_its_loop": (testing.check_continuation, r"its .* in run_epoch"),
}


@pytest.mark.parametrize("name", RUNNERS)
def test_a_broken_runner_is_caught(name: str) -> None:
    check, words = RUNNERS[name]
    with pytest.raises(AssertionError, match=words):
        check(testing.small_experiment(name))


def test_a_state_that_no_checkpoint_can_hold_ends_the_run() -> None:
    with pytest.raises(NasError, match=r"\['path'\]\[0\] is a PosixPath"):
        testing.check_continuation(testing.small_experiment("broken_by_objects"))


def test_a_dry_run_that_writes_is_caught() -> None:
    content = testing.small_experiment("Trainer", changes={"dataset": "broken_by_a_cache"})
    with pytest.raises(AssertionError, match=r"a dry run writes cache.bin"):
        testing.check_dry_run(content)


def test_the_whole_contract_catches_them_too() -> None:
    with pytest.raises(AssertionError, match=r"run again from its own config.json"):
        testing.check_runner("broken_by_entropy")


def test_the_working_directory_is_what_it_was() -> None:
    before = Path.cwd()
    with pytest.raises(AssertionError):
        testing.check_output_folder(testing.small_experiment("broken_by_omission"))
    assert Path.cwd() == before
