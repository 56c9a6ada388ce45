"""What a study says: a line per run under way and one for the whole."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from nnabla_nas.study.folders import StudyFolder
from nnabla_nas.study.plan import Run
from nnabla_nas.study.process import last_line
from nnabla_nas.study.progress import (
    clock_time,
    outcome,
    read_progress,
    seconds_by_variant,
    seconds_left,
)

_WIDTH = 80
# Between two lines about one run where lines are appended, in seconds.
_PAUSE = 10.0
# A run begins with lines that the next ones follow at once; what it waits for stands longer.
_LASTS = 3.0


@dataclass
class Standing:
    """Where the runs of a study stand.

    Args:
        n_at_once: how many run side by side.
        waiting: runs to be begun.
        running: runs under way.
        finished: runs that are done.
        failed: runs that ended otherwise, and runs that come after such, with the reason.
    """

    n_at_once: int
    waiting: list[Run] = field(default_factory=list)
    running: list[Run] = field(default_factory=list)
    finished: list[Run] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def in_words(self, known: dict[str, list[float]]) -> str:
        """Return the line for the whole.

        Args:
            known: what finished runs took, by variant.
        """
        counts = [
            f"{len(self.finished)} done",
            f"{len(self.running)} running",
            f"{len(self.waiting)} waiting",
        ]
        if self.failed:
            counts.append(f"{len(self.failed)} failed")
        left = seconds_left(self.waiting, self.running, known, self.n_at_once)
        unfinished = self.running or self.waiting
        end = f"; expected end {clock_time(time.time() + left)}" if unfinished and left else ""
        return f"{', '.join(counts)}{end}"


class Console:
    """Shows a study: redrawn in a terminal, appended elsewhere; no line is cut by the screen.

    Args:
        folder: the study's folder.
        value: the metric that is shown of a finished run.
        stream: where to; by default standard output.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        folder: StudyFolder,
        value: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._value = value
        # Python has no standard output where it was closed.
        self._stream: TextIO | None = sys.stdout if stream is None else stream
        self._clock = clock
        self._redraws = self._stream is not None and self._stream.isatty()
        self._drawn = 0
        self._said: dict[str, tuple[float, str]] = {}
        self._seen: dict[str, tuple[float, str]] = {}
        self._known: dict[str, list[float]] = {}

    def begin(self, standing: Standing) -> None:
        """Say what there is to do.

        Args:
            standing: where the runs stand.
        """
        self._known = seconds_by_variant(standing.finished)
        self.say(f"{standing.in_words(self._known)}; {standing.n_at_once} at a time")

    def ended(self, run: Run, standing: Standing) -> None:
        """Say how a run ended.

        Args:
            run: the run.
            standing: where the runs stand now.
        """
        if run.name in standing.failed:
            self.say(f"{run.name}: failed: {standing.failed[run.name]}")
        else:
            for variant, seconds in seconds_by_variant([run]).items():
                self._known.setdefault(variant, []).extend(seconds)
            self.say(f"{run.name}: finished, {outcome(run, self._value)}")
        if not self._redraws:
            self._write([standing.in_words(self._known)])

    def show(self, standing: Standing) -> None:
        """Show the runs under way.

        Args:
            standing: where the runs stand.
        """
        progress = {run.name: read_progress(run) for run in standing.running}
        texts = {
            run.name: self._said_last(run) if one is None else one.in_words()
            for run, one in zip(standing.running, progress.values(), strict=True)
        }
        if self._redraws:
            size = shutil.get_terminal_size((_WIDTH, 24))
            width = max((len(name) for name in texts), default=0)
            lines = [f"{name:<{width}}  {text}" for name, text in texts.items()]
            self._erase()
            self._write([*lines[: size.lines - 2], standing.in_words(self._known)])
            self._drawn = min(len(lines), size.lines - 2) + 1
            return
        for name, text in texts.items():
            if self._is_news(name, text, 0.0 if progress[name] else _LASTS):
                self._said[name] = (self._clock(), text)
                self._write([f"{name}: {text}"])

    def say(self, text: str) -> None:
        """Say something that stays on the screen.

        Args:
            text: what; a long one is broken into lines.
        """
        self._erase()
        self._write(textwrap.wrap(text, self._width(), subsequent_indent="    "))

    def _is_news(self, name: str, text: str, lasts: float) -> bool:
        """Return whether a line is worth appending: it lasts, and not the last came just now."""
        now = self._clock()
        since, before = self._seen.get(name, (now, ""))
        since = since if text == before else now
        self._seen[name] = (since, text)
        moment, said = self._said.get(name, (-_PAUSE, ""))
        return text not in ("", said) and now - since >= lasts and now - moment >= _PAUSE

    def _said_last(self, run: Run) -> str:
        return last_line(self._folder.console(run))

    def _width(self) -> int:
        return shutil.get_terminal_size((_WIDTH, 24)).columns if self._redraws else _WIDTH

    def _erase(self) -> None:
        if self._drawn:
            self._put(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _write(self, lines: Sequence[str]) -> None:
        width = self._width()
        for line in lines:
            shown = "".join(one if one.isprintable() else "?" for one in line)
            self._put((shown if len(shown) <= width else f"{shown[: width - 3]}...") + "\n")

    def _put(self, text: str) -> None:
        if self._stream is None:
            return
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()
        except OSError:
            # Nobody reads the console any more; the runs are worth more than what it would say.
            self._stream = None
