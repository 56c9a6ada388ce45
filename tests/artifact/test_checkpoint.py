from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.artifact.checkpoint import Checkpoints
from nnabla_nas.errors import NasError


def state(number: int) -> dict[str, Any]:
    return {
        "progress": {"step": number, "baseline": None, "phase": "search"},
        "streams": {"weights": {"state": 2**127 + number, "inc": 3}},
        "parameters": {"a/_W": np.full((2, 3), number, np.float32), "b": np.array(1.5)},
        "draws": [[1, 2], [0, number]],
        "exact": 0.1 + number,
    }


def assert_same(one: Any, two: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            assert_same(one[key], two[key])
    elif isinstance(one, np.ndarray):
        assert one.dtype == two.dtype
        np.testing.assert_array_equal(one, two)
    else:
        assert one == two


def no_warning(text: str) -> None:
    raise AssertionError(text)


def test_what_was_saved_last_is_loaded_exactly(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoint")
    assert checkpoints.load(no_warning) is None
    for number in range(4):
        checkpoints.save(state(number))
    loaded = Checkpoints(tmp_path / "checkpoint").load(no_warning)
    assert loaded is not None
    assert_same(loaded, state(3))
    assert len(checkpoints.generations()) == 2


FILES = ("arrays.npz", "state.json", "manifest.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["removed", "truncated", "flipped", "emptied"])
def test_a_damaged_generation_is_passed_over_with_a_warning(
    tmp_path: Path, name: str, damage: str
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(0))
    checkpoints.save(state(1))

    def hurt(path: Path) -> None:
        content = bytearray(path.read_bytes())
        if damage == "removed":
            path.unlink()
            return
        if damage == "flipped":
            content[len(content) // 2] ^= 1
        path.write_bytes({"truncated": content[:-3], "emptied": b""}.get(damage, bytes(content)))

    newest, before = checkpoints.generations()
    hurt(newest / name)
    warnings: list[str] = []
    loaded = checkpoints.load(warnings.append)
    assert loaded is not None
    assert_same(loaded, state(0))
    assert len(warnings) == 1
    assert name in warnings[0]
    hurt(before / name)
    with pytest.raises(NasError, match=name.replace(".", r"\.")) as caught:
        checkpoints.load(warnings.append)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("moment", range(1, 8))
def test_a_full_disk_leaves_the_generations_before_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(0))
    calls = 0
    real = os.fsync

    def fail(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == moment:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        if moment <= 5:
            with pytest.raises(NasError, match="No space left"):
                checkpoints.save(state(1))
        else:
            checkpoints.save(state(1))
    loaded = checkpoints.load(no_warning)
    assert loaded is not None
    # The last sync is that of the folder the finished generation has been moved to.
    assert_same(loaded, state(0 if moment < 5 else 1))
    assert not list(tmp_path.glob(".partial*"))
    checkpoints.save(state(2))
    assert_same(checkpoints.load(no_warning), state(2))


def test_what_a_killed_save_left_is_removed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(0))
    (tmp_path / ".partial-1").mkdir()
    (tmp_path / ".partial-1" / "arrays.npz").write_text("half")
    assert_same(checkpoints.load(no_warning), state(0))
    checkpoints.save(state(1))
    assert_same(checkpoints.load(no_warning), state(1))
    assert not list(tmp_path.glob(".partial*"))
