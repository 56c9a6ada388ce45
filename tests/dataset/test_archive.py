from __future__ import annotations

import gzip
import io
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nnabla_nas.dataset.archive import read_members
from nnabla_nas.errors import DataError

LARGEST = {"data/a": 100, "data/b": 5000}


def write(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


def test_wanted_members_are_read_and_nothing_is_written(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar.gz", member("data/a", b"one"), member("data/other", b"y" * 9999))
    assert read_members(path, LARGEST) == {"data/a": b"one"}
    assert [found.name for found in tmp_path.iterdir()] == ["x.tar.gz"]


def endless(path: Path) -> None:
    """A header that promises eight gigabytes of further header, and begins to keep its word."""
    info = tarfile.TarInfo("data/a")
    info.type, info.size = tarfile.XHDTYPE, 2**33 - 1
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(2**21))


def promised(path: Path) -> None:
    info = tarfile.TarInfo("data/a")
    info.size = 2**40
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "absolute": (lambda path: write(path, member("/etc/passwd", b"x")), "'/etc/passwd' leads else"),
    "upwards": (lambda path: write(path, member("data/../../x", b"x")), "leads elsewhere"),
    "symbolic link": (
        lambda path: write(path, member("data/a", kind=tarfile.SYMTYPE, link="/etc/passwd")),
        "'data/a' leads elsewhere",
    ),
    "hard link": (
        lambda path: write(path, member("data/a", kind=tarfile.LNKTYPE, link="../x")),
        "leads elsewhere",
    ),
    "device": (lambda path: write(path, member("data/a", kind=tarfile.CHRTYPE)), "leads elsewhere"),
    "twice": (
        lambda path: write(path, member("data/a", b"x"), member("data/a", b"y")),
        "two members 'data/a'",
    ),
    "large": (lambda path: write(path, member("data/a", b"x" * 101)), "101 bytes; allowed 100"),
    "promised": (promised, "1099511627776 bytes; allowed 100"),
    "many": (
        lambda path: write(path, *(member(f"data/{number}") for number in range(65))),
        "more than 64 members",
    ),
    "endless": (endless, "extended header of 8589934591 bytes"),
    "no gzip": (lambda path: path.write_bytes(b"hello"), "Not a gzipped file"),
    "no tar": (lambda path: path.write_bytes(gzip.compress(b"hello" * 500)), "cannot read"),
    "missing": (lambda path: None, "No such file"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_honest_archive_has_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    build, message = HOSTILE[name]
    path = tmp_path / "x.tar.gz"
    build(path)
    with pytest.raises(DataError) as caught:
        read_members(path, LARGEST, most_bytes=2**20)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_archive_gives_its_members_whole_or_an_error(tmp_path: Path) -> None:
    rng = random.Random(0)
    path = tmp_path / "x.tar.gz"
    contents = {"data/a": rng.randbytes(90), "data/b": rng.randbytes(4000)}
    write(path, *(member(name, content) for name, content in contents.items()))
    whole = path.read_bytes()
    lines = []
    for attempt in range(300):
        damaged = bytearray(whole)
        if attempt % 2:
            del damaged[rng.randrange(len(whole)) :]
        else:
            damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            found = read_members(path, LARGEST)
        except DataError as error:
            lines.append(str(error))
        else:
            assert found.items() <= contents.items()
    assert len(lines) > 200
    assert not any("\n" in line for line in lines)
