"""Which images each step reads, how they are transformed, and by which statistics."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_nas.dataset.transforms import evaluation_transform
from nnabla_nas.errors import DivergedError, InputError
from nnabla_nas.runner.graph import Graph


class Recorder:
    """Images that remember which of them were read."""

    def __init__(self, images) -> None:
        self._images = images
        self.labels = images.labels
        self.read: set[int] = set()

    def load(self, indices, *arguments, **keywords):
        self.read |= {int(i) for i in indices}
        return self._images.load(indices, *arguments, **keywords)


def taken(runner) -> set[int]:
    """Return what was read since the last call, of the training images."""
    read, runner.data.train.read = runner.data.train.read, set()
    return read


@pytest.fixture
def recorded(build, monkeypatch):
    """Build runners whose images record what is read, without reading ahead."""

    def make(*arguments, **changes):
        runner = build(*arguments, **changes)
        recorder = Recorder(runner.data.train)
        object.__setattr__(runner.data, "train", recorder)
        for loader in (runner.train_loader, getattr(runner, "valid_loader", None)):
            if loader is not None:
                loader._images, loader._prefetch = recorder, 0
        return runner

    return make


def test_each_step_of_a_search_reads_its_own_part(recorded, layers_json) -> None:
    searcher = recorded(layers_json)
    train, valid = set(searcher.train_part.tolist()), set(searcher.valid_part.tolist())
    searcher.weight_step(searcher.train_optimizer)
    assert taken(searcher) <= train
    searcher.architecture_step()
    assert taken(searcher) <= valid
    searcher.meters["loss_train"].add(1.0)
    searcher.meters["error_train"].add(1.0)
    searcher.finish_epoch(1, searcher.train_optimizer)
    assert taken(searcher) == valid


def test_a_trainer_selects_on_the_part_kept_back_and_reports_the_test_set(
    recorded, layers_json
) -> None:
    layers_json["algorithm"] = "Trainer"
    trainer = recorded(layers_json, train_portion=0.75)
    trainer.update()
    assert taken(trainer) <= set(trainer.train_part.tolist())
    valid, test = trainer.judge()
    assert taken(trainer) == set(trainer.valid_part.tolist())
    assert (valid["examples"], test["examples"]) == (len(trainer.valid_part), 360)


def test_training_images_are_augmented_and_others_are_not(build, layers_json) -> None:
    searcher = build(layers_json, cutout=3)
    plain = evaluation_transform(searcher.data)
    rng = np.random.default_rng(0)
    known = {image.tobytes() for image in plain(searcher.data.train.load(np.arange(1437)), rng)}
    assert not {image.tobytes() for image in searcher.train_loader.next().inputs} & known
    assert {image.tobytes() for image in searcher.valid_loader.next().inputs} <= known


def test_the_weight_step_comes_first_and_each_draws_its_own_paths(build, layers_json) -> None:
    searcher = build(layers_json)
    said: list[str] = []

    def noting(name: str):
        method = getattr(searcher, name)

        def call(*arguments, **keywords):
            said.append(name)
            return method(*arguments, **keywords)

        setattr(searcher, name, call)

    for name in ("draw", "weight_step", "architecture_step"):
        noting(name)
    searcher.search_update()
    assert said == ["draw", "weight_step", "architecture_step", *["draw"] * searcher.arch_samples]


@pytest.mark.parametrize("purpose", ["judge", "evaluate"])
def test_by_which_statistics_a_graph_normalises(build, search_json, purpose: str) -> None:
    searcher = build(search_json)
    searcher.weight_step(searcher.train_optimizer)
    batch = searcher.valid_loader.next()
    graph = Graph(searcher.model, (1, 8, 8), len(batch.targets), purpose)
    loss, _ = graph.evaluate(batch)
    norms = [p for path, p in searcher.model.get_parameters().items() if path.endswith("_mean")]
    for mean in norms:
        mean.d = mean.d + 1
    moved, _ = graph.evaluate(batch)
    # Running means count in evaluation, and for nothing else.
    assert (loss != moved) == (purpose == "evaluate")
    assert all(np.isfinite(mean.d).all() for mean in norms)


def test_the_rate_falls_to_zero_at_the_end_of_the_phase_and_not_before(build, layers_json) -> None:
    searcher = build(layers_json, epoch=3)
    rates = []
    for _ in range(3 * searcher.updates_per_epoch):
        searcher.train_optimizer.update()
        rates.append(searcher.train_optimizer.last_learning_rate)
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] > 0
    assert searcher.train_optimizer.learning_rate == pytest.approx(0, abs=1e-12)


def test_a_schedule_that_ends_too_early_is_refused(build, layers_json) -> None:
    inner = {"name": "CosineScheduler", "max_iter": 3}
    layers_json["optimizer"]["train"]["lr_scheduler"] = {
        "name": "LinearWarmupScheduler",
        "warmup_iter": 1,
        "scheduler": inner,
    }
    with pytest.raises(InputError, match="max_iter: got 3; allowed: 4"):
        build(layers_json)
    inner["max_iter"] = 4
    build(layers_json, "longer")


@pytest.mark.parametrize("step", ["architecture_step", "finish_epoch", "save_checkpoint"])
def test_a_network_of_nans_is_not_perfect(build, layers_json, step: str) -> None:
    searcher = build(layers_json)
    searcher.meters["loss_train"].add(1.0)
    searcher.meters["error_train"].add(1.0)
    searcher.model.head._W.d = np.nan
    arguments = (1, searcher.train_optimizer) if step == "finish_epoch" else ()
    with pytest.raises(DivergedError, match="head/_W"):
        getattr(searcher, step)(*arguments)


def test_even_batches_leave_no_single_image_over(build, layers_json) -> None:
    searcher = build(layers_json)
    searcher.evaluate(searcher.data.train, np.arange(17), 4, "judge")
    sizes = {size for purpose, size in searcher._graphs if purpose == "judge"} - {64}
    assert sizes == {3, 4}
