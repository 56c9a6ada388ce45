"""Types of parameters, in words for messages."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

Number = Union[int, float]  # noqa: UP007 - a value, made where types are read at run time
_WORDS: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "text",
    type(None): "null",
    Any: "any value",
}
_PLURALS = {"an integer": "integers", "a number": "numbers", "text": "texts"}


def implied_by(default: Any) -> Any:
    """Return the type of a parameter without annotation.

    Args:
        default: its default; `inspect.Parameter.empty` stands for a required number or list of
            integers, which is what nnabla's solvers and schedulers require.
    """
    if default is inspect.Parameter.empty:
        return Number | list[int]
    if isinstance(default, bool):
        return bool
    if isinstance(default, int | float):
        return Number
    for kind in (str, list, tuple, dict):
        if isinstance(default, kind):
            return kind
    return Any


def described(annotation: Any) -> str:
    """Return what a type allows, in words.

    Args:
        annotation: a type, as written in a signature.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return f"{described(arguments[0])}{_limits(arguments[1:])}"
    if origin is Literal:
        return _joined(
            [f"'{value}'" if isinstance(value, str) else str(value) for value in arguments]
        )
    if origin in (Union, types.UnionType):
        return _joined(list(dict.fromkeys(described(choice) for choice in _choices(arguments))))
    if annotation in _WORDS:
        return _WORDS[annotation]
    return _container(origin or annotation, arguments)


def _limits(metadata: tuple[Any, ...]) -> str:
    """Return the limits that pydantic's `Field` or `annotated_types` put on a type."""
    constraints = [inner for one in metadata for inner in getattr(one, "metadata", [one])]
    found = []
    for limit, sign in ((Gt, ">"), (Ge, ">="), (Lt, "<"), (Le, "<=")):
        name = limit.__name__.lower()
        values = [getattr(one, name) for one in constraints if isinstance(one, limit)]
        found += [f" {sign} {value}" for value in values]
    return " and".join(found)


def _choices(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leave out `int` beside `float`: every integer is a number."""
    return tuple(one for one in arguments if not (one is int and float in arguments))


def _container(kind: Any, arguments: tuple[Any, ...]) -> str:
    if not inspect.isclass(kind):
        return "any value"
    if issubclass(kind, PurePath):
        return "a path"
    if issubclass(kind, Mapping):
        return "an object"
    if issubclass(kind, tuple) and arguments and arguments[-1] is not Ellipsis:
        return f"a list [{', '.join(described(item) for item in arguments)}]"
    if issubclass(kind, Sequence | set | frozenset):
        return f"a list{_items(arguments)}"
    return f"a {kind.__name__}"


def _items(arguments: tuple[Any, ...]) -> str:
    if not arguments:
        return ""
    item = described(arguments[0])
    if item in _PLURALS:
        return f" of {_PLURALS[item]}"
    return f" of lists{item[len('a list') :]}" if item.startswith("a list") else f", each {item}"


def _joined(choices: list[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]] if len(choices) > 1 else choices)
