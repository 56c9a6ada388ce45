"""Lines of faults: where they come from and how values look in them."""

from __future__ import annotations

import pytest

from nnabla_nas.config.faults import Fault, Sources, faults_of, got, printable, shown, shown_path
from nnabla_nas.errors import InputError


def test_fault_comes_from_the_flag_that_set_the_value_or_what_holds_it() -> None:
    sources = Sources("x.json", {("network",): "-n", ("network", "a"): "-a", ("seed",): "--seed"})
    lines = sources.lines(
        [
            Fault(("network", "a", 3), "deep"),
            Fault(("network", "b"), "other"),
            Fault(("epoch",), "file"),
            Fault(("epoch", "x"), "joint", (("cutout",), ("seed",))),
            Fault((), "whole"),
        ]
    )
    assert lines == [
        "-a: network.a.3: deep",
        "-n: network.b: other",
        "x.json: epoch: file",
        "--seed: epoch.x: joint",
        "x.json: whole",
    ]


def test_first_fault_of_a_path_is_told() -> None:
    faults = [Fault(("a",), "one"), Fault(("a",), "two"), Fault((), "three"), Fault((), "four")]
    assert Sources("f").lines(faults) == ["f: a: one", "f: three", "f: four"]


def test_no_fault_raises_nothing() -> None:
    Sources().check([])
    with pytest.raises(InputError) as caught:
        Sources().check([Fault(("a",), "bad"), Fault(("b",), "worse")])
    assert caught.value.faults == ["experiment: a: bad", "experiment: b: worse"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("é\n", '"é\\n"'),
        ("\u2028", '"\\u2028"'),
        ({"a": [1, 2.5]}, '{"a": [1, 2.5]}'),
        ({1, 2}, "{1, 2}"),
        ("a" * 58, f'"{"a" * 58}"'),
        ("a" * 59, f'"{"a" * 56}...'),
    ],
)
def test_values_are_shown_as_json_on_one_short_line(value: object, text: str) -> None:
    assert shown(value) == text
    assert got(value, "this") == f"got {text}; allowed this"


def test_paths_and_names_cannot_break_a_line() -> None:
    assert shown_path(("a", 0, "b\nc")) == "a.0.b\\nc"
    assert printable("a\x1b[31m") == "a\\u001b[31m"


def test_errors_of_parts_name_their_keys() -> None:
    error = InputError(["dataset.path: no such folder", "cannot: be read"])
    assert faults_of(error, ("dataset",)) == [
        Fault(("dataset", "path"), "no such folder"),
        Fault(("dataset",), "cannot: be read"),
    ]
