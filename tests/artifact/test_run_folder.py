from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nnabla_nas.artifact
from nnabla_nas.artifact import RunFolder
from nnabla_nas.errors import NasError, OutputFolderError

ROOT = Path(nnabla_nas.artifact.__file__).parents[2]
HOLD = """
import os, sys
from nnabla_nas.artifact import RunFolder
folder = RunFolder(sys.argv[1]).open()
if len(sys.argv) > 2 and os.fork() == 0:
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
if len(sys.argv) == 2:
    print("ready", flush=True)
os.wait() if len(sys.argv) > 2 else sys.stdin.read()
folder.close()
"""


def holder(path: Path, *arguments: str) -> subprocess.Popen[str]:
    # A killed process would leave a broken coverage file.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**variables, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with holder(tmp_path / "run") as process:
        yield process
        process.kill()


def test_check_touches_nothing(tmp_path: Path) -> None:
    RunFolder(tmp_path / "a" / "b").check()
    assert list(tmp_path.iterdir()) == []


def test_open_creates_and_close_removes_what_stayed_empty(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "a" / "b") as folder:
        assert folder.path.is_dir()
        RunFolder(tmp_path / "a" / "c").check()
    assert list(tmp_path.iterdir()) == []


def test_close_keeps_what_was_written_and_an_older_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with RunFolder(tmp_path / "old"):
        pass
    with RunFolder(tmp_path / "new") as folder:
        folder.write_text(folder.log, "x")
    assert (tmp_path / "old").is_dir()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["log.txt"]


@pytest.mark.parametrize("name", ["config.json", "result.json"])
def test_a_folder_that_holds_a_run_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    folder = RunFolder(tmp_path)
    for attempt in (folder.check, folder.open):
        with pytest.raises(OutputFolderError, match="holds a run already"):
            attempt()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        for attempt in (RunFolder(path).check, RunFolder(path).open):
            with pytest.raises(OutputFolderError, match="file' is a file, not a folder") as caught:
                attempt()
            assert caught.value.exit_code == 2


@pytest.mark.parametrize("path", ["a\0b", "a\udcff\ud800", "x" * 5000])
def test_impossible_paths_are_refused(path: str) -> None:
    for attempt in (RunFolder(path).check, RunFolder(path).open):
        with pytest.raises(OutputFolderError) as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_no_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        for attempt in (RunFolder(tmp_path / "run").check, RunFolder(tmp_path / "run").open):
            with pytest.raises(OutputFolderError, match=r"no permission|Permission denied"):
                attempt()
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o755)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_created_is_refused() -> None:
    with pytest.raises(OutputFolderError, match=r"no permission|cannot be used"):
        RunFolder("/sys/a/b").open()


def test_another_process_is_named(tmp_path: Path, other_process: subprocess.Popen[str]) -> None:
    folder = RunFolder(tmp_path / "run")
    for attempt in (folder.check, folder.open):
        with pytest.raises(OutputFolderError, match=f"in use by process {other_process.pid};"):
            attempt()
    assert folder.path.is_dir()
    other_process.communicate("", timeout=30)
    folder.check()
    with folder:
        pass


def test_the_lock_dies_with_a_killed_holder(
    tmp_path: Path, other_process: subprocess.Popen[str]
) -> None:
    other_process.kill()
    other_process.wait(timeout=30)
    assert (tmp_path / "run" / ".lock").exists()
    RunFolder(tmp_path / "run").check()
    with RunFolder(tmp_path / "run"):
        pass


def test_a_forked_worker_does_not_keep_the_lock_of_its_parent(tmp_path: Path) -> None:
    with holder(tmp_path / "run", "fork") as process:
        with pytest.raises(OutputFolderError, match=f"process {process.pid};"):
            RunFolder(tmp_path / "run").check()
        process.kill()
        process.wait(timeout=30)
        # The worker still lives: it ends when its standard input is closed.
        RunFolder(tmp_path / "run").check()


def test_two_holders_in_one_process_are_refused(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run"), pytest.raises(OutputFolderError, match="in use by"):
        RunFolder(tmp_path / "run").open()


def test_file_names(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    names = {
        folder.config: "config.json",
        folder.log: "log.txt",
        folder.arch_h5: "arch.h5",
        folder.arch_json: "arch.json",
        folder.arch_png: "arch.png",
        folder.arch_dot: "arch.dot",
        folder.weights: "weights.h5",
        folder.result: "result.json",
        folder.trajectory: "trajectory.csv",
        folder.tensorboard: "tensorboard",
    }
    assert {path: path.name for path in names} == names
    assert all(path.parent == tmp_path for path in names)


def test_replacing_shows_the_whole_file_or_the_old_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.arch_h5.write_text("old")
    with folder.replacing(folder.arch_h5) as partial:
        assert partial.parent == tmp_path
        assert partial.suffix == ".h5"
        partial.write_text("new")
        assert folder.arch_h5.read_text() == "old"
    assert folder.arch_h5.read_text() == "new"
    half = "half \ud800"  # fails to be encoded after the file was opened
    with pytest.raises(UnicodeEncodeError), folder.replacing(folder.arch_h5) as partial:
        partial.write_text(half, encoding="utf-8")
    assert folder.arch_h5.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["arch.h5"]


def test_a_full_disk_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.weights.write_text("old")
    with pytest.raises(NasError) as caught, folder.replacing(folder.weights):
        Path("/dev/full").write_text("x")
    assert str(caught.value) == f"cannot write '{folder.weights}': No space left on device"
    assert caught.value.exit_code == 1
    assert folder.weights.read_text() == "old"


def test_an_error_without_a_number_keeps_its_text(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(NasError) as caught, folder.replacing(folder.arch_h5):
        raise OSError("unable to write\n  (disk)")
    assert str(caught.value) == f"cannot write '{folder.arch_h5}': unable to write (disk)"


def test_json_is_readable_ordered_and_finite(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json(folder.config, {"b": 0.1, "a": [1, "ü\udcff"]})
    text = folder.config.read_text()
    assert text.startswith('{\n  "b": 0.1,\n  "a": [\n')
    assert text.endswith("}\n")
    assert json.loads(text) == {"b": 0.1, "a": [1, "ü\udcff"]}
    with pytest.raises(ValueError):
        folder.write_json(folder.config, {"b": float("nan")})
    assert folder.config.read_text() == text
