"""One run as a process."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import nnabla_nas
from nnabla_nas.study.folders import End, StudyFolder, is_finished, misses_bound
from nnabla_nas.study.plan import Run

_ROOT = Path(nnabla_nas.__file__).resolve().parent.parent
_SET_PARENT_DEATH_SIGNAL = 1
_LONGEST_REASON = 500


def command(run: Run, more: Sequence[str] = ()) -> list[str]:
    """Return the command that starts a run, or goes on with it.

    Args:
        run: the run.
        more: further flags.
    """
    main = _ROOT / "main.py"
    program = [str(main)] if main.is_file() else ["-m", "nnabla_nas"]
    flags = ["-f", str(run.file), "-o", str(run.folder), "--seed", str(run.seed), "--resume"]
    values = [word for text in run.overrides() for word in ("-x", text)]
    return [sys.executable, *program, *flags, *values, *more]


def start(
    folder: StudyFolder, run: Run, held: int, words: Sequence[str]
) -> subprocess.Popen[bytes]:
    """Start a run; what it says is appended to its file in the study's folder.

    The run is asked to end, as by SIGTERM, when this process dies in whatever way.

    Args:
        folder: the study's folder.
        run: the run.
        held: what `StudyFolder.hold` gave; it is the process's from now on.
        words: what `command` gave.

    Raises:
        OSError: if it cannot be started.
    """
    folder.record_end(run, None)
    try:
        with folder.console(run).open("ab") as console:
            return subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=(held,),
                # The terminal's Ctrl-C is for the study, which passes it on once.
                start_new_session=True,
                preexec_fn=_ending_with(os.getpid()),
            )
    finally:
        os.close(held)


def conclude(folder: StudyFolder, run: Run, code: int) -> End | None:
    """Write and return how an attempt ended that did not finish the run.

    Args:
        folder: the study's folder.
        run: the run.
        code: the exit code, below 0 the signal that killed it.
    """
    # Its folder counts, also where the process was killed after the last file was written.
    finished = is_finished(run) and not misses_bound(run)
    end = None if finished else End(code, last_line(folder.console(run))[:_LONGEST_REASON])
    folder.record_end(run, end)
    return end


def last_line(path: Path) -> str:
    """Return the last line of a text file that is not empty.

    Args:
        path: the file; it may be growing, or missing.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - 4096))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _ending_with(parent: int) -> Callable[[], None]:
    """Return what a child does first, so that it is asked to end when its parent dies."""
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        # Slurm's notice before the time limit is for who started the run.
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(128 + signal.SIGTERM)

    return prepare
