"""Members of a compressed tar archive, read into memory; nothing is unpacked to the disk."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from nnabla_nas.errors import DataError
from nnabla_nas.integrity import open_regular

_MOST_MEMBERS = 64
_LARGEST_EXTENSION = 4096
# Headers that hold names and attributes of the member behind them.
_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_AT_ONCE = 2**18
_MOST_BYTES = 2**29


class _Member(tarfile.TarInfo):
    """A member whose extended headers are short: Python's time for them grows with the square."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _EXTENSIONS and self.size > _LARGEST_EXTENSION:
            raise ValueError(f"it has an extended header of {self.size} bytes")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise ValueError("it has a sparse member")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return member

    def _proc_gnusparse_00(self, *_: object) -> None:
        raise ValueError("it has a sparse member")

    _proc_gnusparse_01 = _proc_gnusparse_10 = _proc_gnusparse_00


class _Bounded(io.RawIOBase):
    """A stream that ends the reading of an archive which expands to more than it may."""

    def __init__(self, stream: gzip.GzipFile, most_bytes: int) -> None:
        self._stream = stream
        self._most_bytes = self._left = most_bytes

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"it expands to more than {self._most_bytes} bytes")
        return data


def read_members(
    path: Path, largest: Mapping[str, int], most_bytes: int = _MOST_BYTES
) -> dict[str, bytes]:
    """Read some members of a `.tar.gz` archive.

    Args:
        path: the archive.
        largest: name → the most bytes the member may have; others are passed over.
        most_bytes: what the archive may expand to.

    Returns:
        Name → contents, of those members that the archive has.

    Raises:
        DataError: if the archive is missing, damaged, or not what an honest one looks like:
            members that lead outside, links, members without end.
    """
    try:
        with open_regular(path) as file, gzip.GzipFile(fileobj=file) as unzipped:
            stream = _Bounded(unzipped, most_bytes)
            # "r|": from front to back, so that no header is trusted for where to look next.
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive:
                found = _read(archive, largest)
            # To the end, where gzip keeps the checksum.
            while stream.read(_AT_ONCE):
                continue
            return found
    except (OSError, EOFError, ValueError, OverflowError, tarfile.TarError, zlib.error) as error:
        text = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"cannot read {str(path)!r}: {text or type(error).__name__}") from error


def _read(archive: tarfile.TarFile, largest: Mapping[str, int]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for number, member in enumerate(archive):
        name = member.name
        parts = PurePosixPath(name).parts
        if number == _MOST_MEMBERS:
            raise ValueError(f"it has more than {_MOST_MEMBERS} members")
        if name.startswith("/") or ".." in parts or not (member.isreg() or member.isdir()):
            raise ValueError(f"its member {name[:100]!r} leads elsewhere")
        if name not in largest or not member.isreg():
            continue
        if name in found:
            raise ValueError(f"it has two members {name!r}")
        if member.size > largest[name]:
            raise ValueError(
                f"its member {name!r} has {member.size} bytes; allowed {largest[name]}"
            )
        content = archive.extractfile(member)
        assert content is not None
        found[name] = content.read()
        if len(found[name]) != member.size:
            raise ValueError(f"its member {name!r} ends after {len(found[name])} bytes")
    return found
