"""Computing the next items of an iterator in a thread while the last one is in use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Iterator over the same items in the same order, computed ahead by one daemon thread.

    Args:
        items: an endless iterator; only the thread advances it.
        depth: how many items may lie ready, at least 1.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._items = items
        self._ready: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()
        self._free_places = threading.Semaphore(depth)
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while True:
            self._free_places.acquire()
            if self._closing:
                return
            try:
                self._ready.put((next(self._items), None))
            except BaseException as error:
                self._ready.put((None, error))
                return

    def __iter__(self) -> Prefetcher[T]:
        return self

    def __next__(self) -> T:
        """Return the next item.

        Raises:
            BaseException: what the thread met while computing this item; it has ended then.
        """
        item, error = self._ready.get()
        if error is not None:
            raise error
        self._free_places.release()
        return item  # type: ignore[return-value]

    def close(self) -> None:
        """End the thread after the item it is computing."""
        self._closing = True
        self._free_places.release()
        self._thread.join()
