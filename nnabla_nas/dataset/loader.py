"""Batches: an endless shuffled stream for learning, one pass in order for evaluation."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from types import TracebackType

import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.dataset import Batch, Images, RandomViews
from nnabla_nas.dataset.prefetch import Prefetcher
from nnabla_nas.dataset.transforms import Transform
from nnabla_nas.errors import DataError
from nnabla_nas.random import Streams


class Loader:
    """Endless stream of full batches, shuffled anew in every epoch.

    The order of an epoch and the augmentation of a batch depend on the seed, the loader's name
    and their position alone, so a cursor is all its state and reading ahead changes nothing. What
    an epoch leaves over after its last full batch is dropped.

    Args:
        images: the images to draw from.
        indices: which of them belong to this part, (n,).
        batch_size: examples in a batch, 1 to n.
        transform: what turns images into inputs.
        streams: the run's random streams.
        name: the part, `train` or `valid`; it names the random streams, and in messages the key
            `batch_size_<name>`.
        prefetch: batches computed ahead in a thread; 0 computes each when it is asked for.

    Raises:
        DataError: if the part has fewer examples than a batch.
    """

    def __init__(
        self,
        images: Images,
        indices: npt.NDArray[np.int64],
        batch_size: int,
        transform: Transform,
        streams: Streams,
        name: str,
        prefetch: int = 2,
    ) -> None:
        if not 1 <= batch_size <= len(indices):
            raise DataError(
                f"batch_size_{name}: got {batch_size}; allowed 1 to {len(indices)}, the examples "
                f"in the '{name}' part of the training set (train_portion sets its size)"
            )
        self._images = images
        self._indices = np.asarray(indices, dtype=np.int64)
        self._batch_size = batch_size
        self._transform = transform
        self._streams = streams
        self._name = name
        self._prefetch = prefetch
        self._epoch, self._batch = 0, 0
        self._source: Generator[Batch, None, None] | Prefetcher[Batch] | None = None

    @property
    def updates_per_epoch(self) -> int:
        """Full batches in one pass over the part."""
        return len(self._indices) // self._batch_size

    def next(self) -> Batch:
        """Return the next batch.

        Returns:
            The batch.

        Raises:
            Exception: whatever loading or transforming it met, in the thread or not; the cursor
                stays, and a later call tries the same batch again.
        """
        try:
            if self._source is None:
                batches = self._batches(self._epoch, self._batch)
                self._source = Prefetcher(batches, self._prefetch) if self._prefetch else batches
            batch = next(self._source)
        except BaseException:
            self.close()
            raise
        wraps = self._batch + 1 == self.updates_per_epoch
        self._epoch, self._batch = (self._epoch + 1, 0) if wraps else (self._epoch, self._batch + 1)
        return batch

    def _batches(self, first_epoch: int, first_batch: int) -> Generator[Batch, None, None]:
        """Yield all batches from this position on."""
        for epoch in itertools.count(first_epoch):
            order = self._streams.derived(f"data order/{self._name}", epoch)
            shuffled = order.permutation(self._indices)
            for batch in range(first_batch, self.updates_per_epoch):
                chosen = shuffled[batch * self._batch_size : (batch + 1) * self._batch_size]
                rng = self._streams.derived(f"augmentation/{self._name}", epoch, batch)
                yield _make(self._images, chosen, self._transform, rng)
            first_batch = 0

    def state_dict(self) -> dict[str, int]:
        """Return the cursor: epoch and batch of the next batch to hand out."""
        return {"epoch": self._epoch, "batch": self._batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state_dict` stood.

        Args:
            state: what `state_dict` of a loader of the same part and batch size returned.

        Raises:
            DataError: if no such loader can have returned it.
        """
        epoch, batch = state["epoch"], state["batch"]
        if epoch < 0 or not 0 <= batch < self.updates_per_epoch:
            raise DataError(
                f"data cursor of the '{self._name}' part: got epoch {epoch}, batch {batch}; "
                f"allowed epochs from 0 on, batches 0 to {self.updates_per_epoch - 1}"
            )
        self.close()
        self._epoch, self._batch = epoch, batch

    def close(self) -> None:
        """End the thread; a later `next` starts another at the cursor."""
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def in_order(
    images: Images, indices: npt.NDArray[np.int64], batch_size: int, transform: Transform
) -> Iterator[Batch]:
    """Yield every example once, in the order given; the last batch may be smaller.

    Args:
        images: the images to read from.
        indices: which of them, (n,).
        batch_size: examples in a batch, at least 1.
        transform: what turns images into inputs, normally `evaluation_transform`.

    Yields:
        The batches.
    """
    rng = Streams(0).derived("augmentation/in order")
    for start in range(0, len(indices), batch_size):
        yield _make(images, indices[start : start + batch_size], transform, rng)


def _make(
    images: Images,
    indices: npt.NDArray[np.int64],
    transform: Transform,
    rng: np.random.Generator,
) -> Batch:
    """Load, transform and label the examples of these indices."""
    targets = images.labels[indices].astype(np.int32).reshape(-1, 1)
    if transform.augments and isinstance(images, RandomViews):
        pixels = images.load_random(indices, rng)
    else:
        pixels = images.load(indices)
    return Batch(transform(pixels, rng), targets)
