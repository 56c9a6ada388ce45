"""The evaluator that a searcher judges whole architectures by."""

from __future__ import annotations

from typing import Annotated, Any

from nnabla_nas.config.faults import Fault, got
from nnabla_nas.config.loading import load
from nnabla_nas.config.parameter import Parameter, parameters
from nnabla_nas.config.signature import call_values, check, with_defaults
from nnabla_nas.registry import did_you_mean, evaluators

# A parameter of a searcher that has this type is completed and checked as an evaluator.
EvaluatorOption = Annotated[dict[str, Any] | str, "a registered evaluator and its options"]
_PATH = ("algorithm", "evaluator")
_ALLOWED = "an evaluator's name, or an object with 'name' and its options"


def takes_evaluator(known: dict[str, Parameter]) -> bool:
    """Return whether an algorithm judges by an evaluator.

    Args:
        known: the algorithm's parameters.
    """
    return "evaluator" in known and known["evaluator"].annotation == EvaluatorOption


def complete_evaluator(
    given: Any, phases: dict[str, Any]
) -> tuple[dict[str, Any] | None, list[Fault]]:
    """Check an evaluator and its options, and fill in the others.

    Args:
        given: a name, or an object with a name and options.
        phases: the entries of `optimizer`.

    Returns:
        The object with every option, None where it is at fault, and the faults.
    """
    values = {"name": given} if isinstance(given, str) else given
    if not isinstance(values, dict) or not isinstance(values.get("name"), str):
        return None, [Fault(_PATH, got(given, _ALLOWED))]
    name = values["name"]
    if evaluators.fault(name) is not None:
        names = f"{', '.join(evaluators.names())}{did_you_mean(name, evaluators.names())}"
        return None, [Fault((*_PATH, "name"), got(name, names))]
    evaluator, faults = load(evaluators, name, (*_PATH, "name"))
    if evaluator is None:
        return None, faults
    options = {key: value for key, value in values.items() if key != "name"}
    known = parameters(evaluator, keyword_only=True)
    faults = check(known, options, _PATH)
    missing = [phase for phase in evaluator.phases if phase not in phases]
    if missing:
        needed = f"an object with {' and '.join(map(repr, missing))}, which {name} needs"
        shown = {phase: settings.to_json() for phase, settings in phases.items()}
        faults.append(Fault(("optimizer",), got(shown, needed), (("algorithm",),)))
    return {"name": name, **with_defaults(known, options)}, faults


def build_evaluator(given: dict[str, Any], *arguments: Any) -> Any:
    """Construct an evaluator.

    Args:
        given: the completed object.
        arguments: what the class takes before its options.
    """
    cls = evaluators.get(given["name"])
    known = parameters(cls, keyword_only=True)
    return cls(*arguments, **call_values(known, {k: v for k, v in given.items() if k != "name"}))
