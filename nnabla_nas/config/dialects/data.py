"""The data loader and the losses' weights of a file of nnabla-nas 0.9 or later."""

from __future__ import annotations

from typing import Any

from nnabla_nas.config.dialects.optimizer import named
from nnabla_nas.config.faults import shown
from nnabla_nas.errors import InputError

# How the data sets here call what theirs do; what has no counterpart is None.
_OPTIONS: dict[str, dict[str, str]] = {
    "imagenet": {
        "train_path": "train_dir",
        "train_file": "train_list",
        "valid_path": "valid_dir",
        "valid_file": "valid_list",
    },
}
_OWN = ("path", "workers", "reader", "resize", "test_path", "n_train", "n_test", "n_classes")
_CUTOUT = 8


def translate_dataloader(given: Any, has_cutout: bool, notes: list[str]) -> dict[str, Any]:
    """Return the keys of an experiment that a data loader stands for.

    Args:
        given: the file's `dataloader`.
        has_cutout: whether the file says elsewhere what is to be erased.
        notes: gets a line about everything that was changed.
    """
    loader = named(given)
    if not isinstance(loader, dict) or not isinstance(loader.get("name"), str):
        raise InputError(
            f"dataloader: got {shown(given)}; allowed one data set's name with its options"
        )
    options = dict(loader)
    name = options.pop("name")
    found: dict[str, Any] = {}
    for key in ("train_portion", "cutout"):
        if options.get(key) is not None:
            found[key] = options.pop(key)
    names = {**{own: own for own in _OWN}, **_OPTIONS.get(name, {})}
    kept = {names[key]: value for key, value in options.items() if key in names}
    for key in options:
        if key not in names:
            notes.append(f"dataloader.{name}.{key}: dropped; {_reason(key)}")
        elif names[key] != key:
            notes.append(f"dataloader.{name}.{key}: is dataset.{names[key]} here")
    if name == "cifar10" and not has_cutout and "cutout" not in found:
        found["cutout"] = _CUTOUT
        notes.append(f"cutout: {_CUTOUT}; there the loader of cifar10 erases such a square always")
    return {"dataset": {"name": name, **kept} if kept else name, **found}


def _reason(key: str) -> str:
    if key in ("transform", "transforms"):
        return "normalising, cropping and flipping come with the data set"
    if key == "datapath":
        return "the data set finds or downloads its files (python -m nnabla_nas info says where)"
    return "nothing here corresponds to it"


def input_shape(shapes: Any) -> Any:
    """Return the shape of the only input.

    Args:
        shapes: the file's `input_shapes`.

    Raises:
        InputError: if there are several inputs, or none.
    """
    if not isinstance(shapes, list) or len(shapes) != 1:
        raise InputError(f"input_shapes: got {shown(shapes)}; allowed the shape of one input")
    return shapes[0]


def aux_weight(weights: Any, notes: list[str]) -> float:
    """Return the weight of the second output's loss beside the first.

    Args:
        weights: the file's `loss_weights`.
        notes: gets a line about what was changed.

    Raises:
        InputError: if they are no weights of one or two outputs.
    """
    numbers = isinstance(weights, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in weights
    )
    if not numbers or len(weights) not in (1, 2) or weights[0] <= 0:
        raise InputError(
            f"loss_weights: got {shown(weights)}; allowed a weight > 0, and one of an auxiliary "
            "head's loss"
        )
    if weights[0] != 1:
        notes.append(
            f"loss_weights: divided by {weights[0]:g}, for the network's own loss has weight 1 "
            "here; the step size acts on a loss that is so much smaller or larger"
        )
    return weights[1] / weights[0] if len(weights) == 2 else 0.0
