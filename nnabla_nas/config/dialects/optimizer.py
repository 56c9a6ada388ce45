"""The optimizer and the constraints of a file of nnabla-nas 0.9 or later."""

from __future__ import annotations

from typing import Any

_PHASES = ("train", "valid", "warmup")
_OF_PHASE = ("grad_clip", "grad_clip_mode", "weight_decay")
_ESTIMATORS = {"LatencyGraphEstimator": "LatencyEstimator"}
_OF_CONSTRAINT = ("name", "bound", "weight", "hard", "n_run", "n_warmup", "context", "path")


def named(value: Any) -> Any:
    """Return `{"name": X, …}` for `"X"`, `{"X": {…}}` and itself; anything else as it is.

    Args:
        value: how a file names something.
    """
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and "name" not in value and len(value) == 1:
        ((name, options),) = value.items()
        if isinstance(options, dict) or options is None:
            return {"name": name, **(options or {})}
    return value


def translate_optimizer(given: Any, notes: list[str]) -> tuple[Any, Any]:
    """Return the optimizer in our form, and the constraints that stood in it.

    Args:
        given: the file's `optimizer`.
        notes: gets a line about everything that was changed.
    """
    if not isinstance(given, dict):
        return given, None
    phases = dict(given)
    constraints = phases.pop("regularizer", None)
    translated = {}
    for name, phase in phases.items():
        if name not in _PHASES:
            notes.append(f"optimizer.{name}: dropped; the phases are {', '.join(_PHASES)}")
        elif phase is not None:
            translated[name] = _phase(f"optimizer.{name}", phase, notes)
    return translated, constraints


def _phase(path: str, given: Any, notes: list[str]) -> Any:
    if not isinstance(given, dict):
        return given
    rest = dict(given)
    phase = {key: rest.pop(key) for key in _OF_PHASE if key in rest}
    flat = "solver" not in rest
    if "lr_scheduler" in rest or flat:
        phase["lr_scheduler"] = named(rest.pop("lr_scheduler", None))
    if rest.pop("retain_state", None) is not None:
        notes.append(f"{path}.retain_state: dropped; a solver's state always survives")
    if flat:
        solver, rest = named(rest), {}
        notes.append(f"{path}: what belongs to the solver is now in {path}.solver")
    else:
        solver = named(rest.pop("solver"))
    if phase.get("grad_clip") is not None and "grad_clip_mode" not in phase:
        notes.append(
            f"{path}.grad_clip: bounds the norm of all gradients together, as papers mean it; "
            'there it bounds that of each parameter ("grad_clip_mode": "per_parameter")'
        )
    if flat and phase["lr_scheduler"] is None and path != "optimizer.valid":
        notes.append(f"{path}.lr_scheduler: null, a constant rate; left out it would be a cosine")
    return {"solver": solver, **phase, **rest}


def translate_constraints(given: Any, notes: list[str]) -> Any:
    """Return `regularizer` in our form.

    Args:
        given: the file's: by class of estimator, or by a name of its own with a class in it.
        notes: gets a line about everything that was changed.
    """
    if not isinstance(given, dict):
        return given
    translated: dict[str, Any] = {}
    for key, one in given.items():
        if not isinstance(one, dict):
            translated[key] = one
            continue
        estimator = str(one.get("name", key))
        dropped = [option for option in one if option not in _OF_CONSTRAINT]
        kept = {option: one[option] for option in one if option not in dropped}
        kept["name"] = _ESTIMATORS.get(estimator, estimator)
        if kept["name"] != estimator:
            notes.append(f"regularizer.{key}: {estimator} is {kept['name']} here")
        notes += [f"regularizer.{key}.{option}: dropped" for option in dropped]
        translated[key] = {"name": kept.pop("name"), **kept}
    return translated
