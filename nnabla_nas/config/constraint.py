"""Hardware constraints: what an architecture may cost, by which estimator."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from nnabla_nas.config.fields import Flag, Weight, allowed, refuse, refuse_name
from nnabla_nas.config.phases import STRICT
from nnabla_nas.registry import estimators

_KEYS = ("name", "bound", "weight", "hard")
_ALLOWED = "an object with 'name' (an estimator), 'bound', 'weight' and the estimator's arguments"


class ConstraintSettings(BaseModel):
    """A bound on what an architecture costs.

    Args:
        name: the registered name of the estimator.
        bound: what the architecture may cost, in the estimator's unit.
        weight: how strongly the search is drawn to it.
        hard: whether the decoded architecture has to keep it.
        options: everything else in the object: the estimator's arguments.
    """

    model_config = STRICT

    name: str
    bound: Annotated[float, Field(gt=0), allowed("a number > 0, in the estimator's unit")]
    weight: Weight = 0.1
    hard: Flag = False
    options: dict[str, Any] = {}

    def to_json(self) -> dict[str, Any]:
        """Return the flat form."""
        return {**self.model_dump(include=set(_KEYS)), **self.options}


def _flat(value: Any) -> Any:
    if isinstance(value, ConstraintSettings):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        refuse(_ALLOWED)
    refuse_name(estimators, value["name"], "name")
    if "bound" not in value:
        refuse(f"{_ALLOWED}; 'bound' is missing")
    given = {key: value[key] for key in _KEYS if key in value}
    return {**given, "options": {key: value[key] for key in value if key not in _KEYS}}


def _by_name(value: Any) -> Any:
    if not isinstance(value, dict):
        refuse(f"an object: a name of your choice → {_ALLOWED}")
    return value


Constraints = Annotated[
    dict[str, Annotated[ConstraintSettings, BeforeValidator(_flat)]], BeforeValidator(_by_name)
]
