"""Arguments from JSON, checked against the signature of the class they are meant for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nnabla_nas.config.annotation import described
from nnabla_nas.config.faults import Fault, Path
from nnabla_nas.config.json_text import as_json
from nnabla_nas.config.parameter import Parameter
from nnabla_nas.registry import did_you_mean


def check(
    known: Mapping[str, Parameter],
    given: Mapping[str, Any],
    path: Path,
    filled: Collection[str] = (),
) -> list[Fault]:
    """Return what is wrong with arguments: unknown names, wrong types, missing ones.

    Args:
        known: the parameters.
        given: the arguments from JSON.
        path: the path of the arguments.
        filled: names of parameters that get their value otherwise.
    """
    faults: list[Fault] = []
    for name, value in given.items():
        parameter = known.get(name)
        fault = (
            _unknown(name, known, path)
            if parameter is None
            else parameter.fault(value, (*path, name))
        )
        if fault is not None:
            faults.append(fault)
    for name, parameter in known.items():
        if parameter.required and name not in given and name not in filled:
            allowed = described(parameter.annotation)
            faults.append(Fault((*path, name), f"is missing; allowed {allowed}"))
    return faults


def with_defaults(
    known: Mapping[str, Parameter], given: Mapping[str, Any], filled: Collection[str] = ()
) -> dict[str, Any]:
    """Return the arguments with every default that JSON can hold written out.

    Args:
        known: the parameters.
        given: the arguments from JSON.
        filled: names of parameters that get their value otherwise.
    """
    complete: dict[str, Any] = {}
    for name, parameter in known.items():
        if name in given:
            complete[name] = given[name]
        elif name not in filled and not parameter.required:
            for default in as_json(parameter.default):
                complete[name] = default
    complete.update({name: given[name] for name in given if name not in complete})
    return complete


def call_values(known: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments a signature takes, as its types want them.

    Args:
        known: the parameters.
        given: checked arguments; those of other names are left out.
    """
    return {name: known[name].value(value) for name, value in given.items() if name in known}


def _unknown(name: str, known: Mapping[str, Parameter], path: Path) -> Fault:
    names = sorted(known)
    listed = ", ".join(names) if names else "none"
    return Fault((*path, name), f"unknown argument; allowed {listed}{did_you_mean(name, names)}")
