from __future__ import annotations

import pickle
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.dataset.array_pickle import read_pickle
from nnabla_nas.errors import DataError

ARRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)


class Call:
    """Pickles as a call of a function with one argument."""

    def __init__(self, function: Any, argument: Any) -> None:
        self._reduced = function, (argument,)

    def __reduce__(self) -> Any:
        return self._reduced


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_lists_and_plain_values_come_out(protocol: int) -> None:
    value = {"data": ARRAY, b"labels": [1, 2, 3], "more": {"x": (1, "y", b"z", None, 2.5)}}
    found = read_pickle(pickle.dumps(value, protocol), "it")
    np.testing.assert_array_equal(found["data"], ARRAY)
    assert found["data"].dtype == np.uint8
    assert found["labels"] == [1, 2, 3]
    assert found["more"] == {"x": (1, "y", b"z", None, 2.5)}


def test_arrays_in_columns_keep_their_places() -> None:
    array = np.asfortranarray(ARRAY)
    np.testing.assert_array_equal(read_pickle(pickle.dumps({"a": array}), "it")["a"], ARRAY)


def big_memo() -> bytes:
    """Asks an unpickler in C for a table of four billion places."""
    return b"\x80\x04}r\xff\xff\xff\xff."


def promised_bytes() -> bytes:
    return b"\x80\x04\x8e" + struct.pack("<Q", 2**45) + b"x."


HOSTILE: dict[str, tuple[Any, str]] = {
    "a call": (Call(open, "made"), "asks for 'io.open'"),
    "a module of ours": (Call(Path, "made"), "asks for 'pathlib.Path'"),
    "an evaluation": (Call(eval, "open('made', 'w')"), "asks for 'builtins.eval'"),
    "a function of numpy": (Call(np.load, "made"), "asks for 'numpy"),
    "inside a list": ({"labels": [Call(open, "made")]}, "asks for 'io.open'"),
    "objects in an array": ({"a": np.array([None])}, "allowed uint8"),
    "another type": ({"a": np.zeros(3)}, "allowed uint8"),
    "no dict": ([1], "does not hold a dict"),
    "a key that is no text": ({3: 1}, "key that is not text"),
    "a large memo": (big_memo(), ""),
    "large bytes": (promised_bytes(), ""),
    "an old instance": (b"(ios\nsystem\n(S'true'\nI0\ntR.", "asks for"),
    "an extension": (b"\x80\x02\x82\x01.", "unregistered extension"),
    "a persistent id": (b"Pmade\n.", "persistent"),
    "nothing": (b"", "EOFError"),
    "no pickle": (b"hello", ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_pickle_asks_for_is_not_done(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    value, message = HOSTILE[name]
    content = value if isinstance(value, bytes) else pickle.dumps(value, 3)
    if name == "a large memo":
        assert read_pickle(content, "it") == {}
        return
    with pytest.raises(DataError) as caught:
        read_pickle(content, "it")
    assert message in str(caught.value)
    assert str(caught.value).startswith("cannot read it: ")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


class Lying:
    """Pickles as an array whose state is whatever the test says."""

    def __init__(self, *state: Any) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        return (*np.empty(0, np.uint8).__reduce__()[:2], self.state)


@pytest.mark.parametrize(
    "state",
    [
        (1, (10**12,), np.dtype("u1"), False, b"abc"),
        (1, (3,), np.dtype("u1"), False, [1, 2, 3]),
        (1, (3,), "u1", False, b"abc"),
        (1, ("a",), np.dtype("u1"), False, b"abc"),
        (1, (3,)),
    ],
)
def test_an_array_must_hold_what_it_says(state: tuple[Any, ...]) -> None:
    with pytest.raises(DataError, match=r"^cannot read it: "):
        read_pickle(pickle.dumps({"a": Lying(*state)}, 3), "it")


def test_a_pickle_cannot_change_the_classes_that_stand_for_numpys() -> None:
    # BUILD on the class itself, with attributes to set on it.
    attack = b"\x80\x03cnumpy\nndarray\n(N}X\x01\x00\x00\x00xK\x01stb}."
    with pytest.raises(DataError):
        read_pickle(attack, "it")
    np.testing.assert_array_equal(read_pickle(pickle.dumps({"a": ARRAY}), "it")["a"], ARRAY)


def test_damaged_pickles_end_in_an_error_or_a_dict() -> None:
    rng = random.Random(1)
    whole = pickle.dumps({"data": ARRAY, "labels": list(range(40))}, 3)
    lines = []
    for _ in range(1500):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            damaged[rng.randrange(len(whole))] = rng.randrange(256)
        try:
            assert isinstance(read_pickle(bytes(damaged), "it"), dict)
        except DataError as error:
            lines.append(str(error))
    assert lines
    assert not any("\n" in line for line in lines)
