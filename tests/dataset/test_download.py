from __future__ import annotations

import hashlib
import random
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nnabla_nas.dataset import cifar, fashion_mnist
from nnabla_nas.dataset.cifar10 import Cifar10
from nnabla_nas.dataset.download import download
from nnabla_nas.dataset.fashion_mnist import FashionMnist
from nnabla_nas.dataset.location import data_folder
from nnabla_nas.errors import DataError

CONTENT = random.Random(0).randbytes(700_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server:
    """A file server that can be told to misbehave; it writes down what was asked of it."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.breaks_after: int | None = None
        self.knows_ranges = True
        self.ranges: list[str | None] = []
        self.holding: threading.Event | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        if self.holding is not None:
            self.holding.wait(20)
        if request.path == "/missing":
            request.send_error(404)
            return
        start = 0
        if wanted is not None and self.knows_ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(self.content):
                request.send_error(416)
                return
            request.send_response(206)
            last = len(self.content) - 1
            request.send_header("Content-Range", f"bytes {start}-{last}/{len(self.content)}")
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        request.wfile.write(self.content[start : self.breaks_after])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    one = Server()
    thread = threading.Thread(target=one.http.serve_forever, args=(0.01,))
    thread.start()
    yield one
    one.http.shutdown()
    thread.join()
    one.http.server_close()


def fetch(server: Server, target: Path, name: str = "file", md5: str = MD5) -> None:
    download(server.url + name, target, md5, most_bytes=1_000_000, timeout=20)


def test_a_file_arrives_with_a_progress_bar(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "deep" / "file"
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["file"]
    bar = capsys.readouterr().err
    assert "file: 100%" in bar
    assert "700k/700k" in bar


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_it_goes_on_where_it_broke_off(server: Server, tmp_path: Path, knows_ranges: bool) -> None:
    target, part = tmp_path / "file", tmp_path / "file.part"
    server.breaks_after, server.knows_ranges = 300_000, knows_ranges
    with pytest.raises(DataError, match=r"broke off after \d+ of 700000 bytes; run again to go on"):
        fetch(server, target)
    assert not target.exists()
    assert part.read_bytes() == CONTENT[:300_000]
    server.breaks_after = None
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert not part.exists()
    assert server.ranges == [None, "bytes=300000-"]


def test_a_part_that_was_complete_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT)
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_another_file_is_not_kept(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(DataError, match=rf"has MD5 [0-9a-f]{{32}}, not {MD5}") as caught:
        fetch(server, tmp_path / "file")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "file").exists()
    server.content = CONTENT
    fetch(server, tmp_path / "file")
    assert server.ranges == [None, None]


def test_a_part_of_another_file_does_not_spoil_the_next_attempt(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "file.part").write_bytes(b"something else")
    with pytest.raises(DataError, match="has MD5"):
        fetch(server, tmp_path / "file")
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_without_end_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is larger than 1000 bytes"):
        download(server.url + "file", tmp_path / "file", MD5, most_bytes=1000)
    assert (tmp_path / "file.part").stat().st_size == 0


def test_two_downloads_of_one_file_share_it(server: Server, tmp_path: Path) -> None:
    server.holding = threading.Event()
    target = tmp_path / "file"
    threads = [threading.Thread(target=fetch, args=(server, target)) for _ in range(3)]
    for thread in threads:
        thread.start()
    server.holding.set()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert not (tmp_path / "file.part").exists()


def test_a_missing_file_and_a_refused_connection_are_one_line(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"cannot download http://\S+/missing \(HTTP 404 Not Found"):
        fetch(server, tmp_path / "file", "missing")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/file"
        with pytest.raises(DataError, match=rf"^cannot download {re.escape(url)} \(Connection ref"):
            download(url, tmp_path / "file", MD5, most_bytes=1000)


def test_data_is_looked_for_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNABLA_NAS_DATA", "/data")
    assert data_folder() == Path("/data")
    monkeypatch.delenv("NNABLA_NAS_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_folder() == Path("/cache/nnabla_nas")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert data_folder() == Path("/home/somebody/.cache/nnabla_nas")


def test_without_a_network_it_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NNABLA_NAS_DATA", str(tmp_path))
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "none")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        for module in (cifar, fashion_mnist):
            monkeypatch.setattr(module, "ADDRESS", address)
        for data_set, words in (
            (Cifar10(), ("cifar10", "cifar-10-python.tar.gz", str(tmp_path))),
            (FashionMnist(), ("train-labels-idx1-ubyte.gz", str(tmp_path / "fashion-mnist"))),
        ):
            with pytest.raises(DataError) as caught:
                data_set.read()
            (line,) = caught.value.faults
            for word in (*words, "Connection refused", address, "by hand", "dataset.path"):
                assert word in line
            assert "\n" not in line


def test_downloads_come_from_the_official_addresses_alone() -> None:
    assert cifar.ADDRESS == "https://www.cs.toronto.edu/~kriz/"
    assert fashion_mnist.ADDRESS.startswith(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws"
    )


def test_a_missing_archive_is_downloaded_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNABLA_NAS_DATA", str(tmp_path))
    monkeypatch.setattr(cifar, "ADDRESS", server.url)
    archive = cifar.Archive("cifar-10-python.tar.gz", MD5, ("a",), "b")
    monkeypatch.setattr(Cifar10, "python", archive)
    for _ in range(2):
        # The checksum is right, and what came is no archive at all.
        with pytest.raises(DataError, match="Not a gzipped file"):
            Cifar10().read()
    assert server.ranges == [None]
    assert (tmp_path / "cifar-10-python.tar.gz").read_bytes() == CONTENT
