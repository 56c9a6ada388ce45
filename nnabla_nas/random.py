"""Named random streams: everything random in a run is drawn from one of these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np


class Streams:
    """The random streams of one run, each derived from the seed by its name.

    The order in which streams are first asked for does not matter: a stream depends on the seed
    and its name alone. Names in use: `weights`, `sampling`, `data order`, `augmentation`,
    `mixing`, `dropout`, `drop path`, `architecture`, `wiring`, `synthetic`, `shuffled labels`.

    Args:
        seed: the experiment's seed, a non-negative integer.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, np.random.Generator] = {}

    def stream(self, name: str) -> np.random.Generator:
        """Return the stream of this name; it continues from draw to draw.

        Args:
            name: what the stream is for.

        Returns:
            The generator, the same object for the same name.
        """
        if name not in self._streams:
            self._streams[name] = self.derived(name)
        return self._streams[name]

    def derived(self, name: str, *position: int) -> np.random.Generator:
        """Return a fresh generator that depends on the seed, the name and a position only.

        It has no state to save: whoever knows the position (an epoch, a batch) can make it again.

        Args:
            name: what the stream is for.
            position: non-negative integers, for example epoch and batch.

        Returns:
            A new generator.
        """
        entropy = [self.seed, *name.encode(), 0x100, *position]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every stream drawn from so far, by name."""
        return {name: stream.bit_generator.state for name, stream in self._streams.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue every stream where `state_dict` found it.

        Args:
            state: what `state_dict` returned; streams it does not name start afresh.
        """
        self._streams = {}
        for name, generator_state in state.items():
            self.stream(name).bit_generator.state = generator_state


_current: ContextVar[Streams] = ContextVar("nnabla_nas_streams")
_default = Streams(0)


def current() -> Streams:
    """Return the streams of the run this code is part of, or default ones outside a run."""
    return _current.get(_default)


@contextmanager
def use(streams: Streams) -> Iterator[Streams]:
    """Make `streams` the current ones for the block, so that modules built in it draw from them.

    Args:
        streams: the run's streams.
    """
    token = _current.set(streams)
    try:
        yield streams
    finally:
        _current.reset(token)
