"""Files nobody vouches for: opened only where they are files, compared with what a run wrote.

A run that has ended leaves `SHA256SUMS` in its folder, a line for each of its files, in the form
that `sha256sum --check` reads.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from nnabla_nas.errors import DamagedError

SUMS = "SHA256SUMS"
_LARGEST_SUMS = 100_000
_LINE = re.compile(r"([0-9a-f]{64})  ([^/\0]+)")


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading, without waiting where it is a pipe.

    Args:
        path: the file.

    Raises:
        OSError: if it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return open(descriptor, "rb")


def read_regular(path: str | Path, most_bytes: int) -> bytes:
    """Return the content of a regular file.

    Args:
        path: the file.
        most_bytes: what it may have.

    Raises:
        OSError: if it cannot be read, or is no regular file.
        ValueError: if it is larger.
    """
    with open_regular(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"{path} is larger than {most_bytes:,} bytes")
    return content


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits.

    Args:
        path: the file.

    Raises:
        OSError: if it cannot be read.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sums(paths: Iterable[Path]) -> str:
    """Return the content of `SHA256SUMS` for files of one folder; those missing are left out.

    Args:
        paths: the files.

    Raises:
        OSError: if one cannot be read.
    """
    return "".join(f"{sha256(path)}  {path.name}\n" for path in paths if path.exists())


def check_sums(paths: Iterable[str | Path]) -> None:
    """Compare files with the `SHA256SUMS` beside them.

    Args:
        paths: the files; those that no such list names, or that are missing, are passed over.

    Raises:
        DamagedError: if one has changed since it was listed, or the list is damaged.
    """
    for path in map(Path, paths):
        expected = _listed(path.with_name(SUMS)).get(path.name) if path.exists() else None
        if expected is None:
            continue
        try:
            found = sha256(path)
        except OSError as error:
            raise DamagedError(f"{path}: cannot be read: {error.strerror}") from error
        if found != expected:
            raise DamagedError(
                f"{path}: damaged or changed since the run wrote it: its SHA-256 is not the one in "
                f"{SUMS}; take it from a copy, or remove {SUMS} to use what is there"
            )


def _listed(path: Path) -> dict[str, str]:
    """Return the hashes in a list by the names of the files; nothing if there is no list."""
    try:
        lines = read_regular(path, _LARGEST_SUMS).decode("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DamagedError(f"{path}: cannot be read: {reason}") from error
    matches = [_LINE.fullmatch(line) for line in lines]
    if not all(matches):
        raise DamagedError(f"{path}: damaged: not a list of hashes and names")
    return {match[2]: match[1] for match in matches if match}
