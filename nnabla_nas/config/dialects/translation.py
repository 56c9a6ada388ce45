"""From the keys of nnabla-nas 0.9 and later to those of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnabla_nas.config.dialects.data import aux_weight, input_shape, translate_dataloader
from nnabla_nas.config.dialects.network import translate_network
from nnabla_nas.config.dialects.optimizer import translate_constraints, translate_optimizer
from nnabla_nas.config.experiment import Experiment

# Their keys that lie one level deeper.
_GROUPS = ("args", "hparams")
_DROPPED = {
    "comm": "a run knows its own processes",
    "config_file": "it is the file itself",
    "environment": "every run finds it out anew",
    "event": "a run has its own events",
    "hydra": "it says how hydra starts a program",
    "monitor": "a run has its own",
    "no_visualize": "it is a flag, --no-visualize",
    "save_nnp": "it is a flag, --save-nnp",
    "target_shapes": "a target is the number of a class",
}
# What is meant there where a file is silent.
_THEIR_DEFAULTS = {"epoch": 50, "batch_size_train": 64, "batch_size_valid": 64}
_MINI_BATCH = 16


@dataclass(frozen=True)
class Translation:
    """An experiment in our form.

    Args:
        experiment: its values, flat.
        notes: a line about everything that was dropped, changed or filled in.
    """

    experiment: dict[str, Any]
    notes: list[str]


def translate(values: Mapping[str, Any], algorithm: str | None = None) -> Translation:
    """Return an experiment that does what a file of nnabla-nas 0.9 or later says.

    Args:
        values: the content of the file, in any of the forms it has had; ours passes unchanged.
        algorithm: the runner that was named on the command line, if any.

    Raises:
        InputError: if the file is of a kind that has no counterpart here; one line.
    """
    notes: list[str] = []
    given = _ungrouped(values)
    found: dict[str, Any] = {}
    if "dataloader" in given:
        has_cutout = given.get("cutout") is not None
        found |= translate_dataloader(given.pop("dataloader"), has_cutout, notes)
    if "input_shapes" in given:
        found["input_shape"] = input_shape(given.pop("input_shapes"))
    if "loss_weights" in given:
        found["aux_weight"] = aux_weight(given.pop("loss_weights"), notes)
    optimizer, inner = translate_optimizer(given.pop("optimizer", {}), notes)
    constraints = given.pop("regularizer", None) or inner
    if constraints:
        found["regularizer"] = translate_constraints(constraints, notes)
    chosen = given.pop("algorithm", None) if algorithm is None else algorithm
    network, named = translate_network(given.pop("network", None), chosen, optimizer, notes)
    found |= {"network": network, "optimizer": optimizer, "algorithm": named}
    if isinstance(named, dict):
        # Whether it searches, it knows itself.
        given.pop("search", None)
    for key, value in given.items():
        if key in Experiment.model_fields:
            if value is not None:
                found[key] = value
        else:
            reason = _DROPPED.get(key, "nothing here corresponds to it")
            notes.append(f"{key}: dropped; {reason}")
    _fill_in(found, notes)
    ordered = {key: found[key] for key in Experiment.model_fields if key in found}
    return Translation(ordered, notes)


def _ungrouped(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with those of `args` and `hparams` at the top."""
    given = {key: value for key, value in values.items() if key not in _GROUPS}
    for group in _GROUPS:
        inner = values.get(group)
        if isinstance(inner, Mapping):
            given |= inner
    return given


def _fill_in(found: dict[str, Any], notes: list[str]) -> None:
    """Write out what their defaults are where ours are others, in place."""
    for key, value in _THEIR_DEFAULTS.items():
        if key not in found:
            found[key] = value
            notes.append(f"{key}: {value}, the default there")
    for part in ("train", "valid"):
        key, batch = f"mini_batch_{part}", found[f"batch_size_{part}"]
        if key not in found and isinstance(batch, int) and batch > 0:
            found[key] = next(n for n in range(_MINI_BATCH, 0, -1) if batch % n == 0)
            why = "the default there" if found[key] == _MINI_BATCH else f"a divisor of {batch}"
            notes.append(f"{key}: {found[key]}, {why}")
