"""Downloading a file: resumed where it broke off, checked, and there whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from nnabla_nas.errors import DataError

_AT_ONCE = 2**18
_MOST_BYTES = 2**28
_WITH_REST, _WHOLE, _NOTHING_LEFT = 206, 200, 416


@dataclass(frozen=True)
class Remote:
    """A file of a data set at its official address.

    Args:
        folder: the address of the folder, with a slash at its end.
        name: the file's name.
        md5: its published checksum.
    """

    folder: str
    name: str
    md5: str

    def provide(self, folder: Path, dataset: str) -> Path:
        """Return the file, downloading it where it is missing.

        Args:
            folder: where it is, or goes.
            dataset: the data set's name, for messages.

        Raises:
            DataError: if it cannot be downloaded; the line says which file to put where.
        """
        path = folder / self.name
        if not path.exists():
            try:
                download(f"{self.folder}{self.name}", path, self.md5, _MOST_BYTES)
            except DataError as error:
                raise DataError(
                    f"dataset: {dataset} is not on this machine: {error}; put {self.name} into "
                    f"{str(folder)!r} by hand, or name where it is with dataset.path"
                ) from error
        return path


def md5_of(path: Path) -> str:
    """Return the MD5 of a file, hexadecimal.

    Args:
        path: the file.
    """
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def download(url: str, target: Path, md5: str, most_bytes: int, timeout: float = 30) -> None:
    """Download a file; what came so far waits beside it as `NAME.part` for another attempt.

    Another process that downloads the same file is waited for. The target appears once it is
    complete and its checksum right.

    Args:
        url: where from.
        target: where to; its folder is made.
        md5: the checksum it must have.
        most_bytes: more than this is refused.
        timeout: seconds the network may be silent.

    Raises:
        DataError: if the network fails, or what came is something else; one line.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            # Held until the file is closed, and given up when this process dies.
            fcntl.flock(file, fcntl.LOCK_EX)
            if target.exists():
                part.unlink(missing_ok=True)
                return
            _fetch(url, file, target.name, most_bytes, timeout)
            file.flush()
            found = md5_of(part)
            if found != md5:
                # Not removed: another process may be waiting for the lock on this very file.
                file.truncate(0)
                raise DataError(
                    f"{url} has MD5 {found}, not {md5}: it was damaged on the way, or is another "
                    "file; nothing was kept"
                )
            part.rename(target)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(f"cannot download {url} ({_reason(error)})") from error


def _fetch(url: str, file: IO[bytes], name: str, most_bytes: int, timeout: float) -> None:
    """Append to the file what it still lacks."""
    have = file.seek(0, 2)
    request = urllib.request.Request(url)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        with closing(error):
            if error.code == _NOTHING_LEFT and have:
                return
            raise
    with answer:
        if have and (answer.status != _WITH_REST or not _continues(answer, have)):
            if answer.status != _WHOLE:
                raise DataError(f"{url} answers {answer.status} to a request for its rest")
            # This server sends files whole or not at all.
            have = 0
            file.truncate(0)
        length = answer.headers.get("Content-Length")
        expected = None if length is None else have + int(length)
        _copy(answer, file, name, have, expected, most_bytes)


def _continues(answer: Any, have: int) -> bool:
    return str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-")


def _copy(
    answer: Any, file: IO[bytes], name: str, have: int, expected: int | None, most_bytes: int
) -> None:
    # Only here: most runs download nothing.
    from tqdm import tqdm

    with tqdm(total=expected, initial=have, desc=name, unit="B", unit_scale=True) as bar:
        while block := answer.read(_AT_ONCE):
            have += len(block)
            if have > most_bytes:
                file.truncate(0)
                raise DataError(f"{answer.url} is larger than {most_bytes} bytes")
            file.write(block)
            bar.update(len(block))
    if expected is not None and have < expected:
        raise ConnectionError(f"broke off after {have} of {expected} bytes; run again to go on")


def _reason(error: Exception) -> str:
    """Return the cause in one line."""
    cause = getattr(error, "reason", error)
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    if isinstance(error, urllib.error.HTTPError):
        text = f"HTTP {error.code} {text}"
    return " ".join(text.split())
