"""The first stage of checking: keys, types, ranges and registered names, all faults together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.faults import Fault, Path, got
from nnabla_nas.registry import did_you_mean, runners


def validate(values: dict[str, Any]) -> tuple[Experiment | None, list[Fault]]:
    """Check the values of an experiment without importing what they name.

    Args:
        values: the experiment as flat JSON.

    Returns:
        The experiment, or None with its faults.
    """
    try:
        return Experiment.model_validate(values), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        # A default that follows another value is not worked out once anything is wrong.
        real = [one for one in details if one["type"] != "default_factory_not_called"]
        return None, [fault_of(one, _fields, _NEEDED) for one in real]


def fault_of(
    error: ErrorDetails, fields: Callable[[Path], list[str]], needed: Mapping[str, str]
) -> Fault:
    """Return one of pydantic's errors as a fault.

    Args:
        error: the error.
        fields: gives the keys of the object at a path.
        needed: by key, what is allowed where one is missing.
    """
    value, kind = error["input"], error["type"]
    # So pydantic marks that a key itself is at fault.
    path: Path = tuple(key for key in error["loc"] if key != "[key]")
    if kind == "fault":
        context = error["ctx"]
        related = ((context["related"],),) if context.get("related") else ()
        return Fault(path, got(_as_json(value), context["text"]), related)
    if kind == "name":
        context = error["ctx"]
        path = (*path, context["key"]) if context["key"] else path
        return Fault(path, got(context["got"], context["text"]))
    if kind == "extra_forbidden":
        keys = sorted(fields(path[:-1]))
        close = did_you_mean(str(path[-1]), keys)
        return Fault(path, f"unknown key; allowed {', '.join(keys)}{close}")
    if kind == "missing":
        return Fault(path, f"is missing; allowed {needed[str(path[-1])]}")
    if kind == "model_type":
        return Fault(path, got(value, f"an object with {', '.join(fields(path))}"))
    return Fault(path, got(value, error["msg"]))


def _as_json(value: Any) -> Any:
    return value.to_json() if hasattr(value, "to_json") else value


def _fields(path: tuple[str | int, ...]) -> list[str]:
    """Return the keys of the object at `path`."""
    model: type[BaseModel] = Experiment
    for key in path:
        annotation = model.model_fields[str(key)].annotation
        choices = (annotation, *get_args(annotation))
        model = next(c for c in choices if isinstance(c, type) and issubclass(c, BaseModel))
    return list(model.model_fields)


_NEEDED = {
    "network": "an object with 'search_space' and the space's arguments",
    "algorithm": f"one of {', '.join(runners.names())} (or name it with -a)",
    "solver": "a solver's name, or an object with 'name' and its arguments",
}
