from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnabla_nas.dataset import (
    ArrayImages,
    Batch,
    Data,
    Loader,
    evaluation_transform,
    in_order,
    training_transform,
)
from nnabla_nas.dataset.prefetch import Prefetcher
from nnabla_nas.errors import DataError
from nnabla_nas.random import Streams

N = 23


def numbered_images() -> ArrayImages:
    """Image i has the label i, so that a target names the example it came from."""
    pixels = np.random.default_rng(0).integers(0, 256, (N, 2, 6, 6), dtype=np.uint8)
    return ArrayImages(pixels, np.arange(N))


DATA = Data.in_memory(numbered_images(), numbered_images(), flip=True)


def loader(
    prefetch: int = 2,
    indices: npt.NDArray[np.int64] | None = None,
    batch_size: int = 4,
    seed: int = 0,
    name: str = "train",
) -> Loader:
    indices = np.arange(N) if indices is None else indices
    transform = training_transform(DATA, 3)
    return Loader(DATA.train, indices, batch_size, transform, Streams(seed), name, prefetch)


def take(source: Loader, n: int) -> list[Batch]:
    return [source.next() for _ in range(n)]


def targets(batches: list[Batch]) -> list[int]:
    return [int(target) for batch in batches for target in batch.targets[:, 0]]


def assert_same(got: list[Batch], expected: list[Batch]) -> None:
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one.inputs, other.inputs)
        np.testing.assert_array_equal(one.targets, other.targets)


def test_an_epoch_has_each_example_at_most_once_and_only_full_batches() -> None:
    indices = np.arange(3, N)
    with loader(indices=indices, batch_size=6) as source:
        assert source.updates_per_epoch == 3
        epochs = [take(source, 3) for _ in range(4)]
    orders = [targets(epoch) for epoch in epochs]
    for order in orders:
        assert len(set(order)) == 18
        assert set(order) <= set(indices.tolist())
    assert len({tuple(order) for order in orders}) == 4
    batch = epochs[0][0]
    assert batch.inputs.shape == (6, 2, 6, 6)
    assert batch.inputs.dtype == np.float32
    assert batch.targets.shape == (6, 1)
    assert batch.targets.dtype == np.int32


def test_order_and_augmentation_come_from_the_named_streams() -> None:
    with loader(seed=9, name="valid") as source:
        batches = take(source, 7)
    transform = training_transform(DATA, 3)
    for position, batch in enumerate(batches):
        epoch, number = divmod(position, N // 4)
        order = Streams(9).derived("data order/valid", epoch).permutation(np.arange(N))
        chosen = order[number * 4 : number * 4 + 4]
        rng = Streams(9).derived("augmentation/valid", epoch, number)
        np.testing.assert_array_equal(batch.targets[:, 0], chosen)
        np.testing.assert_array_equal(batch.inputs, transform(DATA.train.load(chosen), rng))


def test_seed_and_name_change_the_order() -> None:
    orders = []
    for seed, name in ((0, "train"), (1, "train"), (0, "valid")):
        with loader(seed=seed, name=name) as source:
            orders.append(tuple(targets(take(source, 5))))
    assert len(set(orders)) == 3


@settings(max_examples=25, deadline=None)
@given(
    consumed=st.integers(0, 14),
    before=st.integers(0, 5),
    after=st.integers(0, 5),
    batch_size=st.sampled_from([4, 7, N]),
)
def test_restoring_anywhere_goes_on_as_if_undisturbed(
    consumed: int, before: int, after: int, batch_size: int
) -> None:
    with loader(0, batch_size=batch_size) as undisturbed:
        expected = take(undisturbed, consumed + 8)
    with loader(before, batch_size=batch_size) as first:
        assert_same(take(first, consumed), expected[:consumed])
        state = first.state_dict()
    epoch, batch = divmod(consumed, N // batch_size)
    assert state == {"epoch": epoch, "batch": batch}
    with loader(after, batch_size=batch_size) as second:
        take(second, 2)
        second.load_state_dict(state)
        assert second.state_dict() == state
        assert_same(take(second, 8), expected[consumed:])


def test_closing_ends_the_thread_and_next_goes_on() -> None:
    with loader(0) as undisturbed:
        expected = take(undisturbed, 6)
    threads = set(threading.enumerate())
    source = loader(3)
    assert set(threading.enumerate()) == threads
    got = take(source, 4)
    (started,) = set(threading.enumerate()) - threads
    assert started.daemon
    source.close()
    assert not started.is_alive()
    source.close()
    assert_same(got + take(source, 2), expected)
    source.close()
    assert set(threading.enumerate()) == threads


class FailingOnce(ArrayImages):
    """Images whose third load fails, once."""

    def __init__(self) -> None:
        images = numbered_images()
        super().__init__(images.images, images.labels)
        self.loads = 0

    def load(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        self.loads += 1
        if self.loads == 3:
            raise OSError("the disk is gone")
        return super().load(indices)


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_a_failure_reaches_the_consumer_at_its_batch_and_can_be_tried_again(prefetch: int) -> None:
    transform = evaluation_transform(DATA)

    def make(images: ArrayImages, ahead: int) -> Loader:
        return Loader(images, np.arange(N), 4, transform, Streams(0), "train", ahead)

    with make(numbered_images(), 0) as undisturbed:
        expected = take(undisturbed, 5)
    with make(FailingOnce(), prefetch) as source:
        got = take(source, 2)
        with pytest.raises(OSError, match="the disk is gone"):
            source.next()
        assert source.state_dict() == {"epoch": 0, "batch": 2}
        assert_same(got + take(source, 3), expected)


def test_no_more_than_depth_items_are_computed_ahead() -> None:
    computed: list[int] = []
    waiting = threading.Event()

    def items():  # type: ignore[no-untyped-def]
        for number in range(100):
            computed.append(number)
            if len(computed) == 3:
                waiting.set()
            yield number

    ahead = Prefetcher(items(), depth=3)
    assert waiting.wait(timeout=10)
    assert [next(ahead), next(ahead)] == [0, 1]
    ahead.close()
    assert computed == list(range(len(computed)))
    assert 3 <= len(computed) <= 5


@pytest.mark.parametrize("batch_size", [0, 6, 100])
def test_a_part_smaller_than_its_batch_is_refused(batch_size: int) -> None:
    message = (
        rf"^batch_size_valid: got {batch_size}; allowed 1 to 5, the examples in the 'valid' part "
        r"of the training set \(train_portion sets its size\)$"
    )
    with pytest.raises(DataError, match=message):
        loader(indices=np.arange(5), batch_size=batch_size, name="valid")


@pytest.mark.parametrize("state", [{"epoch": 0, "batch": 5}, {"epoch": -1, "batch": 0}])
def test_a_cursor_of_another_loader_is_refused(state: dict[str, int]) -> None:
    with loader() as source, pytest.raises(DataError, match="'train' part: got epoch"):
        source.load_state_dict(state)


@pytest.mark.parametrize("batch_size", [1, 4, 10, 40])
def test_in_order_visits_every_example_once(batch_size: int) -> None:
    indices = np.array([5, 2, 19, 7, 0, 1, 11, 3, 22, 9])
    transform = evaluation_transform(DATA)
    batches = list(in_order(DATA.test, indices, batch_size, transform))
    assert [len(batch.inputs) for batch in batches] == [
        len(indices[start : start + batch_size]) for start in range(0, 10, batch_size)
    ]
    np.testing.assert_array_equal(targets(batches), indices)
    np.testing.assert_array_equal(
        np.concatenate([batch.inputs for batch in batches]),
        transform(DATA.test.load(indices), np.random.default_rng(0)),
    )
