"""Field types of the experiment; each knows how to say what it allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BeforeValidator, Field, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from nnabla_nas.config.json_text import LARGEST_INTEGER
from nnabla_nas.config.named import Named, Network
from nnabla_nas.registry import (
    Registry,
    datasets,
    did_you_mean,
    lr_schedulers,
    runners,
    search_spaces,
    solvers,
    transforms,
)


def refuse(allowed: str, related: str = "") -> NoReturn:
    """Refuse the value a validator was given.

    Args:
        allowed: what would have been right.
        related: a top-level key that takes part in the fault.

    Raises:
        PydanticCustomError: always.
    """
    raise PydanticCustomError("fault", "{text}", {"text": allowed, "related": related})


def refuse_name(registry: Registry, name: str, key: str) -> None:
    """Refuse a name that is not registered.

    Args:
        registry: the registry.
        name: a name, or `package.module:name`, which is only checked for its form.
        key: the key of the name in the value a validator was given, empty if it is the value.

    Raises:
        PydanticCustomError: if the name is not registered.
    """
    if registry.fault(name) is not None:
        names = f"{', '.join(registry.names())}{did_you_mean(name, registry.names())}"
        raise PydanticCustomError("name", "{text}", {"text": names, "key": key, "got": name})


def allowed(text: str) -> WrapValidator:
    """Return a validator that replaces the type's own messages.

    Args:
        text: what the type allows.
    """

    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError:
            refuse(text)

    return WrapValidator(check)


def _named(registry: Registry, nullable: bool = False) -> BeforeValidator:
    """Return a validator that reads `"x"` or `{"name": "x", …}` and checks the name."""

    def read(value: Any) -> Any:
        if value is None and nullable:
            return None
        named, key = value, ""
        if isinstance(value, str):
            named = Named(name=value)
        elif isinstance(value, dict) and isinstance(value.get("name"), str):
            options = {option: value[option] for option in value if option != "name"}
            named, key = Named(name=value["name"], options=options), "name"
        if not isinstance(named, Named):
            refuse(f"a name, or an object with 'name' and options{', or null' * nullable}")
        refuse_name(registry, named.name, key)
        return named

    return BeforeValidator(read)


def _network(value: Any) -> Any:
    network = value
    if isinstance(value, dict) and isinstance(value.get("search_space"), str):
        arguments = {name: value[name] for name in value if name != "search_space"}
        network = Network(search_space=value["search_space"], arguments=arguments)
    if not isinstance(network, Network):
        refuse("an object with 'search_space' and the space's arguments")
    refuse_name(search_spaces, network.search_space, "search_space")
    return network


def _device_id(value: Any) -> Any:
    ids = value.split(",") if isinstance(value, str) else value
    ids = ids if isinstance(ids, list) else [ids]
    if any(isinstance(item, bool) or not isinstance(item, int | str) for item in ids):
        return value
    texts = [str(item).strip() for item in ids]
    if texts == ["-1"]:
        return "-1"
    if not texts or not all(text.isascii() and text.isdigit() and len(text) <= 4 for text in texts):
        return None
    return ",".join(str(int(text)) for text in texts)


def _list_as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Count = Annotated[int, Field(ge=0, le=LARGEST_INTEGER), allowed("an integer >= 0")]
PositiveCount = Annotated[int, Field(ge=1, le=LARGEST_INTEGER), allowed("an integer >= 1")]
Weight = Annotated[float, Field(ge=0), allowed("a number >= 0")]
Norm = Annotated[float | None, Field(gt=0), allowed("a number > 0, or null")]
Portion = Annotated[float, Field(gt=0, le=1), allowed("a number p with 0 < p <= 1")]
Flag = Annotated[bool, allowed("true or false")]
# Without control characters, which would speak to the terminal that the path is shown on.
FolderPath = Annotated[
    str,
    Field(min_length=1, max_length=4096, pattern="^[^\\x00-\\x1f\\x7f-\\x9f\u2028\u2029]*$"),
    allowed("the path of a folder"),
]
DeviceIds = Annotated[
    str, BeforeValidator(_device_id), allowed("GPU ids such as 0 or 0,1, or -1 for all")
]
ImageShape = Annotated[
    tuple[PositiveCount, PositiveCount, PositiveCount] | None,
    BeforeValidator(_list_as_tuple),
    allowed("three integers >= 1: [channels, height, width]"),
]

_METRICS = "'top_5_error', 'macro_f1', 'balanced_accuracy' and 'confusion_matrix'"
MetricNames = Annotated[
    list[Literal["top_5_error", "macro_f1", "balanced_accuracy", "confusion_matrix"]] | None,
    allowed(f"a list of some of {_METRICS}"),
]

Transforms = Annotated[
    list[Annotated[Named, _named(transforms)]] | None,
    Field(max_length=100),
]

Dataset = Annotated[Named, _named(datasets)]
Algorithm = Annotated[Named, _named(runners)]
Solver = Annotated[Named, _named(solvers)]
Scheduler = Annotated[Named | None, _named(lr_schedulers, nullable=True)]
SpaceNetwork = Annotated[Network, BeforeValidator(_network)]
