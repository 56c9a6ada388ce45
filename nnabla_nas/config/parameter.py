"""Parameters of a class or function, as far as JSON can give values for them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation

from nnabla_nas.config.annotation import described, implied_by
from nnabla_nas.config.faults import Fault, Path, got, shown_path
from nnabla_nas.config.json_text import as_json

_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
_NAMED_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Parameter:
    """One parameter that JSON can give a value for.

    Args:
        name: its name.
        annotation: its type, or one implied by its default where it has none.
        default: its default, `inspect.Parameter.empty` where it is required.
    """

    name: str
    annotation: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is inspect.Parameter.empty

    def value(self, given: Any) -> Any:
        """Return a JSON value as the parameter's type wants it, for example a list as a tuple.

        Args:
            given: the value from JSON.

        Raises:
            pydantic.ValidationError: if the type does not allow it.
        """
        written = json.dumps(given)
        if any(json.dumps(default) == written for default in as_json(self.default)):
            return self.default
        try:
            adapter = TypeAdapter(self.annotation, config=_STRICT)
        except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation):
            return given
        return adapter.validate_json(written, strict=True)

    def fault(self, given: Any, path: Path) -> Fault | None:
        """Return what is wrong with a JSON value, or None.

        Args:
            given: the value from JSON.
            path: the path of the parameter.
        """
        try:
            self.value(given)
        except ValidationError as error:
            allowed = described(self.annotation)
            first = error.errors(include_url=False)[0]
            place = tuple(key for key in first["loc"] if isinstance(key, int))
            details = [f"wrong at {shown_path(place)}"] if place else []
            if first["type"] == "value_error":
                details.append(first["msg"])
            detail = f" ({'; '.join(details)})" if details else ""
            return Fault(path, got(given, f"{allowed}{detail}"), ((*path, *place),))
        return None


def parameters(target: Any, keyword_only: bool = False) -> dict[str, Parameter]:
    """Return the parameters of a class or function that JSON can give values for.

    Where a constructor takes `**keywords`, those of the next class in line are added.

    Args:
        target: the class or function.
        keyword_only: leave out those that can be given by position.

    Returns:
        The parameters, by name.
    """
    found: dict[str, Parameter] = {}
    kinds = _NAMED_KINDS[1:] if keyword_only else _NAMED_KINDS
    for function in _functions(target):
        hints = _hints(function)
        listed = list(inspect.signature(function).parameters.values())
        if inspect.isclass(target):
            listed = listed[1:]
        for one in listed:
            if one.kind in kinds and one.name not in found:
                annotation = hints.get(one.name, implied_by(one.default))
                found[one.name] = Parameter(one.name, annotation, one.default)
        if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in listed):
            break
    return found


def _functions(target: Any) -> Iterator[Callable[..., Any]]:
    if not inspect.isclass(target):
        yield target
        return
    for cls in target.__mro__:
        if "__init__" in vars(cls) and cls is not object:
            yield vars(cls)["__init__"]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        # Names imported for the type checker alone: Python does not know them here.
        return {}
