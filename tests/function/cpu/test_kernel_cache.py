"""Machine code is kept by content: not path, time, cache or neighbours decide what is computed."""

from __future__ import annotations

import errno
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import nnabla_nas
from nnabla_nas.function.cpu import kernel_store
from nnabla_nas.function.cpu.kernel_loading import load, read
from nnabla_nas.function.cpu.kernel_set import ALL, KernelSet
from nnabla_nas.function.cpu.kernel_store import KernelStore
from nnabla_nas.function.cpu.readiness import Waiting, make_ready

# Compiled in a few seconds.
FEW = KernelSet(("nnabla_nas.function.cpu.bias",))
PACKAGE = Path(nnabla_nas.__file__).parent

# What a process does that runs an experiment, with few kernels.
_RUN = """
import json, os, shutil, sys
started = []
def audit(event, details):
    if event == "subprocess.Popen" and "kernel_compiler" in str(details):
        started.append(event)
sys.addaudithook(audit)
from nnabla_nas.function.cpu.kernel_loading import load, read
from nnabla_nas.function.cpu.kernel_set import ALL, KernelSet
from nnabla_nas.function.cpu.readiness import make_ready
kernels = KernelSet(("nnabla_nas.function.cpu.bias",))
make_ready(kernels)
for folder in sys.argv[1:]:
    shutil.rmtree(folder)
import numpy as np
from nnabla_nas.function.cpu.bias import add_bias, add_sums
rng = np.random.default_rng(0)
g, total = rng.normal(size=(3, 1001)).astype(np.float32), np.ones(3, np.float32)
add_sums(g.ctypes.data, total.ctypes.data, 3, 1001)
add_bias(g.ctypes.data, total.ctypes.data, 3, 1001)
print(json.dumps({
    "bytes": total.tobytes().hex() + g.tobytes().hex(),
    "compiled": len(started),
    "versions": [kernels.version(), ALL.version()],
}))
"""


def start(root: Path, cache: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a process that runs the package below root."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "PYTHON"))}
    return subprocess.Popen(
        [sys.executable, "-c", _RUN, *arguments],
        # Python looks for modules there first.
        cwd=root,
        env={**kept, "NUMBA_CACHE_DIR": str(cache), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(output)


def files(cache: Path) -> list[Path]:
    return sorted((cache / "compiled").glob("*.kernels"))


def have_names_of_their_own(path: Path) -> None:
    """Assert that no two kernels name a function alike: they come from two processes."""
    code = KernelStore(path.stem).read_file(path)
    assert code is not None
    symbols = [re.findall(rb"_ZN[\w$]+", one) for one in read(code)]
    numbers = [{name for name in found if b"nnabla_nas" in name} for found in symbols]
    assert all(numbers)
    assert not numbers[0] & numbers[1]


def test_checkouts_anywhere_and_at_once_compute_the_same_bytes(tmp_path: Path) -> None:
    cache, roots = tmp_path / "cache", [tmp_path / "a", tmp_path / "b" / "site-packages"]
    for root in roots:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE, root / "nnabla_nas", ignore=ignored, copy_function=shutil.copy)
    found = [answer(process) for process in [start(root, cache) for root in roots]]
    # Two processes began with an empty cache, and one of them compiled.
    assert sorted(one["compiled"] for one in found) == [0, 1]
    (path,) = files(cache)
    have_names_of_their_own(path)
    roots[0].rename(tmp_path / "moved")
    # The file is damaged, and deleted again once it is loaded.
    damaged = bytearray(path.read_bytes())
    damaged[-1000] ^= 1
    path.write_bytes(damaged)
    found.append(answer(start(tmp_path / "moved", cache, str(cache), PYTHONHASHSEED="7")))
    assert found[-1]["compiled"] == 1
    # Nothing can be written where kernels are kept.
    (tmp_path / "file").touch()
    nowhere, temporary = tmp_path / "file" / "cache", tmp_path / "temporary"
    temporary.mkdir()
    for compiled in (1, 0):
        found.append(answer(start(roots[1], nowhere, TMPDIR=str(temporary))))
        assert found[-1]["compiled"] == compiled
    assert {one["bytes"] for one in found} == {found[0]["bytes"]}
    assert all(one["versions"] == [FEW.version(), ALL.version()] for one in found)
    edited = roots[1] / "nnabla_nas" / "function" / "cpu" / "bias.py"
    edited.write_text(edited.read_text().replace("y[t] += bias", "y[t] += bias + bias"))
    other = answer(start(roots[1], nowhere, TMPDIR=str(temporary)))
    assert other["compiled"] == 1
    assert other["bytes"] != found[0]["bytes"]
    assert not set(other["versions"]) & set(found[0]["versions"])


def until(found: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """Return what a call finds once it finds something."""
    deadline = time.monotonic() + 60
    while not (result := found()):
        assert time.monotonic() < deadline, process.poll()
        time.sleep(0.01)
    return result


def compilers(pid: int) -> list[int]:
    """Return the children of a process that compile."""
    with suppress(FileNotFoundError, ProcessLookupError):
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        names = [(one, Path(f"/proc/{one}/cmdline").read_bytes()) for one in found]
        return [int(one) for one, name in names if b"kernel_compiler import main" in name]
    return []


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_compiles_ends_with_the_process_that_waits(tmp_path: Path, number: int) -> None:
    process = start(PACKAGE.parent, tmp_path)
    (child,) = until(lambda: compilers(process.pid), process)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode in (-number, 1)
    until(lambda: is_gone(child), process)
    assert files(tmp_path) == []


def test_asked_to_end_while_another_process_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AskedError(Exception):
        pass

    def stop() -> None:
        raise AskedError

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    unknown = KernelSet((*FEW.modules, "nnabla_nas.function.cpu.transposition"))
    monkeypatch.setattr("nnabla_nas.function.cpu.readiness.is_ready", lambda kernels: False)
    with KernelStore(unknown.version()).lock() as lock:
        assert lock is not None
        assert lock.take()
        with pytest.raises(AskedError):
            make_ready(unknown, Waiting(check=stop))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KernelStore:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return KernelStore("version")


CODE = bytes(range(256)) * 20


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: content.replace(b"\x07", b"\x08", 1),
        lambda content: content.replace(b"kernels 1", b"kernels 0"),
        lambda content: bytes(len(content)),
    ],
)
def test_damaged_machine_code_is_not_believed(store: KernelStore, damage: Any) -> None:
    path = store.write(CODE)
    assert path is not None
    assert store.read() == CODE
    path.write_bytes(damage(path.read_bytes()))
    assert store.read() is None
    assert store.write(CODE) == path
    assert store.read() == CODE
    path.rename(path.with_name("other.kernels"))
    assert KernelStore("other").read() is None


def test_what_others_can_write_is_not_believed(store: KernelStore) -> None:
    path = store.write(CODE)
    assert path is not None
    path.parent.chmod(0o777)
    assert store.read() is None
    path.parent.chmod(0o755)
    assert store.read() == CODE


def test_a_full_disk(store: KernelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = kernel_store.folders()
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.is_relative_to(first):
            write(path, content[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert store.write(CODE) == second / "version.kernels"
    assert list(first.iterdir()) == []
    assert store.read() == CODE
    monkeypatch.setattr(kernel_store, "folders", lambda: [first])
    assert store.write(CODE) is None
    assert store.read() is None


def test_one_process_at_a_time_compiles_and_says_how_far_it_is(store: KernelStore) -> None:
    with store.lock() as one, store.lock() as other:
        assert one is not None
        assert other is not None
        assert one.take()
        assert not other.take()
        one.note(17)
        assert other.noted() == 17
    with store.lock() as other:
        assert other is not None
        assert other.take()


def test_versions_that_nobody_reads_any_more_are_deleted(store: KernelStore) -> None:
    day = 86400
    paths = [KernelStore(name).write(CODE) for name in ("old", "read", "recent")]
    for path, age in zip(paths, (400, 400, 3), strict=True):
        assert path is not None
        os.utime(path, (time.time() - age * day,) * 2)
    assert KernelStore("read").read() == CODE
    written = store.write(CODE)
    assert [path for path in paths if path is not None and path.exists()] == paths[1:]
    assert written is not None
    assert written.exists()


def test_machine_code_holds_nothing_but_descriptions_of_kernels() -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print"):
        load(FEW, pickle.dumps([print]))


def test_a_process_that_computes_cannot_compile() -> None:
    from nnabla_nas.function.cpu.bias import add_bias

    with pytest.raises(TypeError, match="No matching definition"):
        add_bias("x", 1, 2, 3)
