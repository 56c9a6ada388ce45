"""What a run says: lines on the console and in log.txt, and a progress bar on a terminal."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from nnabla_nas.artifact.writing import reason
from nnabla_nas.errors import OutputFolderError, printable

if TYPE_CHECKING:
    from tqdm import tqdm

_BAR = "{desc} {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"


class Bar:
    """What `Monitor.progress` gives: a progress bar on a terminal, silent elsewhere.

    Args:
        bar: the bar to move.
    """

    def __init__(self, bar: tqdm[Any]) -> None:
        self._bar = bar

    def advance(self, n: int = 1, ends: str | None = None, **postfix: Any) -> None:
        """Count finished work.

        Args:
            n: how much was finished.
            ends: when the whole run ends, shown behind the bar; by default nothing is said.
            **postfix: values to show there too, for example `loss=0.3`.
        """
        words = [f"run ends {ends}"] if ends else []
        words += [f"{name}={value}" for name, value in postfix.items()]
        if words:
            self._bar.set_postfix_str(", ".join(words), refresh=False)
        self._bar.update(n)


class Monitor:
    """The voice of a run.

    Lines go to the console and, once `attach` named it, time-stamped to a log file; lines said
    earlier are written to it then.

    Args:
        stream: the console; standard output by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        # Python has no standard output where it was closed.
        self._stream: TextIO | None = sys.stdout if stream is None else stream
        self._log: TextIO | None = None
        self._waiting: list[str] = []
        self._said: set[str] = set()
        self._bars = 0

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def info(self, text: str) -> None:
        """Say something.

        Args:
            text: one or more lines.
        """
        lines = "\n".join(map(printable, text.split("\n")))
        self._print(lines)
        self._record(lines)

    def warning(self, text: str) -> None:
        """Say something the user should look into.

        Args:
            text: one or more lines.
        """
        self.info(f"warning: {text}")

    def once(self, text: str) -> None:
        """Say something, unless it was said by `once` before.

        Args:
            text: one or more lines.
        """
        if text not in self._said:
            self._said.add(text)
            self.info(text)

    def traceback(self, error: BaseException) -> None:
        """Write where an error came from to the log file only.

        Args:
            error: the error.
        """
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        self._record("".join(lines).rstrip("\n"))

    def attach(self, path: Path) -> None:
        """Write to a log file from now on, behind what it holds already.

        Args:
            path: the log file.

        Raises:
            OutputFolderError: if it cannot be opened.
        """
        try:
            self._log = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        except OSError as error:
            raise OutputFolderError(f"cannot write {str(path)!r}: {reason(error)}") from error
        waiting, self._waiting = self._waiting, []
        for lines in waiting:
            self._write(lines)

    @contextmanager
    def progress(self, total: int, description: str) -> Iterator[Bar]:
        """Show a bar while the block runs, if the console is a terminal.

        Args:
            total: how much work there is.
            description: what the work is.

        Yields:
            What to tell about finished work.
        """
        from tqdm import tqdm

        bar = tqdm(
            total=total,
            desc=description,
            file=self._stream,
            disable=self._stream is None or not self._stream.isatty(),
            bar_format=_BAR,
            leave=False,
            dynamic_ncols=True,
        )
        self._bars += 1
        try:
            yield Bar(bar)
        finally:
            self._bars -= 1
            bar.close()

    def close(self) -> None:
        """Close the log file; the console stays open."""
        log, self._log = self._log, None
        if log is not None:
            try:
                log.close()
            except OSError as error:
                self._give_up(log.name, error)

    def _print(self, text: str) -> None:
        if self._stream is None:
            return
        encoding = self._stream.encoding or "utf-8"
        printable = text.encode(encoding, errors="backslashreplace").decode(encoding)
        try:
            if self._bars:
                from tqdm import tqdm

                tqdm.write(printable, file=self._stream)
            else:
                print(printable, file=self._stream, flush=True)
        except OSError:
            # Nobody reads the console any more; a run is worth more than what it would have said.
            self._stream = None

    def _record(self, text: str) -> None:
        stamp = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
        lines = "".join(f"{stamp} {line}".rstrip() + "\n" for line in text.split("\n"))
        if self._log is None:
            self._waiting.append(lines)
        else:
            self._write(lines)

    def _write(self, lines: str) -> None:
        log = self._log
        if log is None:
            return
        try:
            log.write(lines)
        except OSError as error:
            # A run is worth more than its log: what cannot be done without fails on its own.
            self._log = None
            with suppress(OSError):
                log.close()
            self._give_up(log.name, error)

    def _give_up(self, name: str, error: OSError) -> None:
        self._print(f"warning: cannot write {name!r}: {reason(error)}; going on without it")
