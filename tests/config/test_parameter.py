"""Parameters of classes and functions, and the values their types allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import pytest
from pydantic import AfterValidator, Field

from nnabla_nas.config.annotation import described
from nnabla_nas.config.json_text import as_json
from nnabla_nas.config.parameter import Parameter, parameters
from nnabla_nas.config.signature import call_values, check, with_defaults

if TYPE_CHECKING:
    from decimal import Decimal


class Base:
    def __init__(self, size: int = 3, *items: int, depth: float = 1, **rest: Any) -> None:
        pass


class Derived(Base):
    def __init__(self, path: str, /, size: float = 2.5, flag: bool = False, **others: Any) -> None:
        pass


class Plain:
    pass


def untyped(lr, rate=1, eps=1e-8, nesterov=False, name="x", steps=(1,), other=None):  # type: ignore[no-untyped-def]
    pass


def unresolved(first: Decimal, second=2):  # type: ignore[no-untyped-def]
    pass


def test_keywords_reach_the_base_classes_and_the_nearest_wins() -> None:
    found = parameters(Derived)
    assert {name: one.default for name, one in found.items()} == {
        "size": 2.5,
        "flag": False,
        "depth": 1,
    }
    assert found["size"].annotation is float
    assert list(parameters(Base, keyword_only=True)) == ["depth"]
    assert parameters(Plain) == {}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("lr", [1, 0.5, [1, 2]], [True, "1", None, [0.5]]),
        ("rate", [2, 0.5], [True, "1"]),
        ("eps", [0, 1e-3], [False, None]),
        ("nesterov", [True, False], [0, 1, "true"]),
        ("name", ["y"], [1, None]),
        ("steps", [[], [1, "a"]], [1, "ab"]),
        ("other", [None, 1, "x", [1]], []),
    ],
)
def test_defaults_imply_the_types(name: str, good: list[Any], bad: list[Any]) -> None:
    parameter = parameters(untyped)[name]
    assert [value for value in good if parameter.fault(value, ())] == []
    assert [value for value in bad if not parameter.fault(value, ())] == []


def test_names_for_the_type_checker_alone_allow_anything_their_defaults_allow() -> None:
    found = parameters(unresolved)
    assert found["second"].fault(3, ()) is None
    assert found["second"].fault("x", ()) is not None


def test_the_default_is_always_allowed_and_returned_as_it_is() -> None:
    pair = (1, 2)
    parameter = Parameter("kernel", int, pair)
    assert parameter.value([1, 2]) is pair
    assert Parameter("flag", int, False).fault(0, ()) is None
    assert Parameter("flag", bool, False).fault(0, ()) is not None


@pytest.mark.parametrize(
    ("annotation", "given", "value"),
    [
        (tuple[int, int], [1, 2], (1, 2)),
        (tuple[int, ...], [1, 2, 3], (1, 2, 3)),
        (Sequence[Sequence[int]] | None, [[1], []], [[1], []]),
        (Optional[dict[str, float]], {"a": 1}, {"a": 1.0}),  # noqa: UP045 - users write it
        (Path, "a/b", Path("a/b")),
        (float, 3, 3.0),
        (Literal["a", 3], 3, 3),
    ],
)
def test_values_become_what_the_type_wants(annotation: Any, given: Any, value: Any) -> None:
    result = Parameter("x", annotation, 0).value(given)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "an integer"),
        (int | float | None, "a number or null"),
        (Literal["a", "b", 3], "'a', 'b' or 3"),
        (Annotated[int, Field(ge=1, lt=5)], "an integer >= 1 and < 5"),
        (Annotated[float, Field(gt=0, le=1)], "a number > 0 and <= 1"),
        (list[int], "a list of integers"),
        (Sequence[str] | None, "a list of texts or null"),
        (tuple[int, float], "a list [an integer, a number]"),
        (list[tuple[int, int]], "a list of lists [an integer, an integer]"),
        (list[list[int]], "a list of lists of integers"),
        (list[bool], "a list, each true or false"),
        (list, "a list"),
        (Mapping[str, int], "an object"),
        (Path, "a path"),
        (Callable[[int], int], "a Callable"),
        (Base, "a Base"),
        (Any, "any value"),
        ("Decimal", "any value"),
    ],
)
def test_types_in_words(annotation: Any, text: str) -> None:
    assert described(annotation) == text


def test_fault_says_where_and_why() -> None:
    def even(number: int) -> int:
        if number % 2:
            raise ValueError("must be even")
        return number

    parameter = Parameter("x", list[list[Annotated[int, AfterValidator(even)]]], 0)
    fault = parameter.fault([[2], [4, 3]], ("network", "x"))
    assert fault is not None
    assert fault.path == ("network", "x")
    assert fault.text == (
        "got [[2], [4, 3]]; allowed a list of lists of integers "
        "(wrong at 1.1; Value error, must be even)"
    )
    assert fault.related == (("network", "x", 1, 1),)


def test_check_reports_unknown_wrong_and_missing() -> None:
    known = parameters(untyped)
    faults = check(known, {"nestrov": True, "eps": "x"}, ("solver",))
    assert [fault.path[-1] for fault in faults] == ["nestrov", "eps", "lr"]
    assert faults[0].text.endswith("; did you mean 'nesterov'?")
    assert faults[2].text == "is missing; allowed a number or a list of integers"
    assert check(known, {}, (), filled=["lr"]) == []
    assert "allowed none" in check({}, {"a": 1}, ())[0].text


def test_defaults_are_written_out_in_the_signatures_order() -> None:
    known = parameters(untyped)
    complete = with_defaults(known, {"eps": 0.1, "extra": 1, "lr": 3}, filled=["name"])
    assert list(complete.items()) == [
        ("lr", 3),
        ("rate", 1),
        ("eps", 0.1),
        ("nesterov", False),
        ("steps", [1]),
        ("other", None),
        ("extra", 1),
    ]
    assert call_values(known, {"extra": 1, "steps": [4], "lr": 3}) == {"steps": (4,), "lr": 3}


@pytest.mark.parametrize(
    ("value", "json"),
    [
        ((1, (2.5, "a")), ([1, [2.5, "a"]],)),
        ({"a": (None, True)}, ({"a": [None, True]},)),
        (None, (None,)),
        (float("inf"), ()),
        ([1, abs], ()),
        ({1: 2}, ()),
        (Base, ()),
    ],
)
def test_values_as_json_reads_them(value: Any, json: Any) -> None:
    assert as_json(value) == json
