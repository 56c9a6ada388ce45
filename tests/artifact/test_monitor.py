from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from nnabla_nas.artifact import Monitor
from nnabla_nas.errors import OutputFolderError

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Ascii(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii")


def logged(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    assert all(re.match(STAMP, line) for line in lines)
    return [re.sub(STAMP + " ?", "", line) for line in lines]


def test_lines_go_to_console_and_log_the_early_ones_too(tmp_path: Path) -> None:
    console, path = io.StringIO(), tmp_path / "log.txt"
    with Monitor(console) as monitor:
        monitor.info("early\nsecond line")
        monitor.attach(path)
        monitor.warning("late")
        assert logged(path) == ["early", "second line", "warning: late"]
    assert console.getvalue() == "early\nsecond line\nwarning: late\n"


def test_the_log_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    for text in ("first run", "second run"):
        with Monitor(io.StringIO()) as monitor:
            monitor.attach(path)
            monitor.info(text)
    assert logged(path) == ["first run", "second run"]


def test_standard_output_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    Monitor().info("hello")
    assert capsys.readouterr() == ("hello\n", "")


def test_once_says_a_text_once() -> None:
    console = io.StringIO()
    monitor = Monitor(console)
    for text in ("a", "b", "a"):
        monitor.once(text)
    monitor.info("a")
    assert console.getvalue() == "a\nb\na\n"


def test_a_traceback_is_in_the_log_only(tmp_path: Path) -> None:
    console, path = io.StringIO(), tmp_path / "log.txt"
    with Monitor(console) as monitor:
        monitor.attach(path)
        try:
            raise KeyError("missing")
        except KeyError as error:
            monitor.traceback(error)
    assert console.getvalue() == ""
    lines = logged(path)
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "KeyError: 'missing'"


def test_what_the_console_cannot_show_is_escaped(tmp_path: Path) -> None:
    console, path = Ascii(), tmp_path / "log.txt"
    with Monitor(console) as monitor:
        monitor.attach(path)
        monitor.info("3 ü 3, \udcff")
    console.seek(0)
    assert console.read() == "3 \\xfc 3, \\udcff\n"
    assert logged(path) == ["3 ü 3, \\udcff"]


def test_a_pipe_shows_no_bar() -> None:
    console = io.StringIO()
    monitor = Monitor(console)
    with monitor.progress(3, "epoch 1") as bar:
        for _ in range(3):
            bar.advance(loss=0.5)
        monitor.info("line")
    assert console.getvalue() == "line\n"


def test_a_terminal_shows_a_bar_with_the_end_of_the_run_once_it_is_known_and_whole_lines() -> None:
    console = Terminal()
    monitor = Monitor(console)
    with monitor.progress(4, "epoch 1") as bar:
        bar.advance(1, loss=0.5)
        bar.advance(1, ends="Fri 01:00", loss=0.25)
        monitor.info("a line")
    shown = console.getvalue()
    # Before anything is known nothing is said: no question mark, no Thursday of 1970.
    assert re.search(r"epoch 1 +0%\|.*\| 0/4 \[00:00\]", shown)
    assert re.search(r"epoch 1 +50%\|.*\| 2/4 \[00:00, run ends Fri 01:00, loss=0.25\]", shown)
    # The line begins where the cleared bar was.
    assert re.search(r"\r *\ra line\n", shown)
    monitor.info("after")
    assert console.getvalue().endswith("after\n")


def test_a_log_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputFolderError, match="Is a directory"):
        Monitor(io.StringIO()).attach(tmp_path)


def test_a_full_disk_ends_the_log_not_the_run() -> None:
    console = io.StringIO()
    monitor = Monitor(console)
    monitor.attach(Path("/dev/full"))
    monitor.info("one")
    monitor.info("two")
    monitor.close()
    warning = "warning: cannot write '/dev/full': No space left on device; going on without it"
    assert console.getvalue().splitlines() == ["one", warning, "two"]


class Gone(io.StringIO):
    """A console whose reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_console_that_nobody_reads_ends_no_run(tmp_path: Path) -> None:
    for stream in (Gone(), None):
        monitor = Monitor(stream)
        if stream is None:
            monitor._stream = None  # what Python has where standard output was closed
        monitor.attach(tmp_path / "log.txt")
        monitor.info("one")
        with monitor.progress(2, "epoch") as bar:
            bar.advance()
            monitor.info("two")
        monitor.close()
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.split()[-1] for line in lines] == ["one", "two"] * 2
