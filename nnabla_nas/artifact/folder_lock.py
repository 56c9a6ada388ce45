"""The advisory lock of an output folder: one holder at a time, gone when its holder dies."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import weakref
from pathlib import Path

_held: weakref.WeakSet[FolderLock] = weakref.WeakSet()


class FolderLock:
    """An exclusive lock on a file, which holds the process id of its holder.

    Args:
        path: the lock file; it exists only while the lock is held, or after its holder was killed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock without waiting.

        Returns:
            Whether it was taken; False if another holder has it.

        Raises:
            OSError: if the lock file cannot be created.
        """
        while True:
            descriptor = self._open(os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except OSError:  # a file system without locks, so nobody else holds this one
                os.close(descriptor)
                self.path.unlink()
                raise
            self._descriptor = descriptor
            if self._is_current(descriptor):
                break
            # The last holder removed the file between our open and our lock.
            self._drop()
        _held.add(self)
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except OSError:
            self.release()
            raise
        return True

    def release(self) -> None:
        """Remove the lock file and give the lock up; does nothing if it is not held."""
        if self._descriptor is None:
            return
        if self._is_current(self._descriptor):
            self.path.unlink()
        self._drop()

    def is_lost(self) -> bool:
        """Return whether the lock was taken, but its file is another one now, or gone."""
        return self._descriptor is not None and not self._is_current(self._descriptor)

    def holder(self) -> str | None:
        """Return who holds the lock now, as `process PID`, or None; changes nothing."""
        try:
            descriptor = self._open(os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.read(descriptor, 32).decode(errors="replace").strip()
            return f"process {process}" if process.isdecimal() else "another process"
        finally:
            os.close(descriptor)
        return None

    def _open(self, flags: int) -> int:
        # A pipe would be waited for, and what a link leads to overwritten.
        flags |= os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o644)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, f"its {self.path.name} is no regular file")
        return descriptor

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _drop(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            _held.discard(self)


def _drop_inherited() -> None:
    for lock in list(_held):
        lock._drop()


# A forked worker shares the open file, so it would keep the lock of a parent that was killed.
os.register_at_fork(after_in_child=_drop_inherited)
