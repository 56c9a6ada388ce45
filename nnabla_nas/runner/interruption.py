"""Stopping a run when the process is asked to end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from nnabla_nas.errors import NasError

_SAME = 2.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedError(NasError):
    """The run was asked to stop and has written a checkpoint.

    Args:
        number: the signal.
        message: what the user is told.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class Interruption:
    """Remembers SIGINT and SIGTERM while it is entered, so that the update in progress can end.

    Launchers send a signal to the whole group, forward and repeat it: what arrives within two
    seconds of the first counts as one. A later one ends the process at once.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first = 0.0
        self._before: dict[int, Any] = {}
        self.signal: int | None = None

    def __enter__(self) -> Interruption:
        # Python lets the main thread alone handle signals; elsewhere they are its program's.
        in_main_thread = threading.current_thread() is threading.main_thread()
        for number in _SIGNALS if in_main_thread else ():
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self, moment: str) -> None:
        """Stop here if the process was asked to end.

        Args:
            moment: when this is, for the message.

        Raises:
            StoppedError: if it was.
        """
        if self.signal is not None:
            raise StoppedError(self.signal, f"stopped {moment}")

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self._first = number, self._clock()
        elif self._clock() - self._first > _SAME:
            os._exit(128 + number)
