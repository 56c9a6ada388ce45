"""Where compiled kernels are kept: one file for each version, checked by hash when it is read."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MARK = b"nnabla_nas kernels 1\n"
_DIGEST = hashlib.sha256().digest_size
# Of other versions those used within so many days are kept; each has some megabytes.
_DAYS = 60


def folders() -> list[Path]:
    """Return the folders where kernels are kept: the user's own, and a temporary one.

    The second serves where the first cannot be written, as on a full disk.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(home) / "nnabla_nas")
    return [base / "compiled", Path(tempfile.gettempdir()) / f"nnabla_nas-{os.getuid()}"]


def _is_ours(folder: Path) -> bool:
    """Return whether nobody else can write a folder: machine code is run as it is found."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _made(folder: Path) -> bool:
    """Make a folder if it is missing; return whether it may be used."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _is_ours(folder)


class KernelStore:
    """The machine code of one version of the kernels.

    Args:
        version: what tells it from others.
    """

    def __init__(self, version: str) -> None:
        self._version = version

    def read(self) -> bytes | None:
        """Return the machine code; None where there is none, or none that is whole."""
        for folder in filter(_is_ours, folders()):
            path = folder / f"{self._version}.kernels"
            code = self.read_file(path)
            if code is not None:
                with suppress(OSError):
                    os.utime(path)
                return code
        return None

    def read_file(self, path: Path) -> bytes | None:
        """Return the machine code in a file; None if it is not whole or of another version.

        Args:
            path: the file.
        """
        try:
            content = path.read_bytes()
        except OSError:
            return None
        start = len(_MARK) + _DIGEST
        whole = content[:start] == _MARK + self._digest(content[start:])
        return content[start:] if whole else None

    def _digest(self, code: bytes) -> bytes:
        return hashlib.sha256(self._version.encode() + code).digest()

    def write(self, code: bytes) -> Path | None:
        """Keep machine code, all of it or nothing.

        Args:
            code: the machine code.

        Returns:
            The file; None where nothing can be written.
        """
        for folder in filter(_made, folders()):
            path = folder / f"{self._version}.kernels"
            partial = folder / f".{self._version}.{os.getpid()}.part"
            try:
                partial.write_bytes(_MARK + self._digest(code) + code)
                partial.replace(path)
            except OSError:
                with suppress(OSError):
                    partial.unlink()
                continue
            _forget_unused(folder)
            return path
        return None

    @contextmanager
    def lock(self) -> Iterator[Lock | None]:
        """Hold the right to compile this version, which one process at a time has.

        Yields:
            The lock, taken if nobody else holds it; None where none can be made.
        """
        for folder in filter(_made, folders()):
            try:
                file = os.open(folder / f"{self._version}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            except OSError:
                continue
            try:
                yield Lock(file)
            finally:
                os.close(file)
            return
        yield None


class Lock:
    """What says who compiles, and how far that is. The system gives it back when a process ends.

    Args:
        file: descriptor of the open file.
    """

    def __init__(self, file: int) -> None:
        self._file = file

    def take(self) -> bool:
        """Return whether this process holds it now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # A file system without locks: the worst that happens is that two processes compile.
            return True
        return True

    def note(self, done: int) -> None:
        """Tell those who wait how many kernels are compiled.

        Args:
            done: how many.
        """
        with suppress(OSError):
            os.pwrite(self._file, b"%6d" % done, 0)

    def noted(self) -> int:
        """Return how many kernels are compiled."""
        try:
            return int(os.pread(self._file, 6, 0) or b"0")
        except (OSError, ValueError):
            return 0


def _forget_unused(folder: Path) -> None:
    """Delete what no process has read for long. Those that run hold all they need in memory."""
    latest = time.time() - _DAYS * 86400
    for path in (*folder.glob("*.kernels"), *folder.glob("*.lock"), *folder.glob(".*.part")):
        with suppress(OSError):
            if path.stat().st_mtime < latest:
                path.unlink()
