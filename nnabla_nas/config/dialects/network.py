"""The network and the algorithm of a file of nnabla-nas 0.9 or later."""

from __future__ import annotations

import re
from typing import Any

from nnabla_nas.errors import InputError

_ONE_SHOT = "OneShotTrainer"
_SAMPLED = ("mobilenet", "pnas", "zoph")
# Where the files to train carry what a search has found.
_FOUND = ("genotype", "param_path")


def translate_network(
    given: Any, algorithm: Any, optimizer: Any, notes: list[str]
) -> tuple[Any, Any]:
    """Return the network and the algorithm in our form.

    Args:
        given: the file's `network`.
        algorithm: the runner that the file or the command line names, None where none does.
        optimizer: the phases in our form; a file without `valid` trains.
        notes: gets a line about everything that was changed.

    Raises:
        InputError: if there is no such space or algorithm here.
    """
    network = _flat(given, notes)
    space = network.get("search_space") if isinstance(network, dict) else None
    words = [word for word in (space, _name(algorithm)) if isinstance(word, str)]
    if any(re.match(r"ofa", word, re.IGNORECASE) for word in words):
        raise InputError(
            "network: this is a file of OFA (once-for-all networks), which has no counterpart here"
        )
    if any(re.match(r"fair", word, re.IGNORECASE) for word in words):
        return _fair(network, algorithm, notes)
    if algorithm is None and isinstance(network, dict):
        algorithm = _inferred(network, optimizer)
        notes.append(f"algorithm: {algorithm}, by what the file holds; -a names another one")
    return network, algorithm


def _flat(given: Any, notes: list[str]) -> Any:
    """Return `{"search_space": X, …}` for `{"X": {…}}`; its package's name is left out."""
    if not isinstance(given, dict):
        return given
    network = dict(given)
    if "search_space" not in network and len(network) == 1:
        ((space, arguments),) = network.items()
        if isinstance(arguments, dict) or arguments is None:
            network = {"search_space": space, **(arguments or {})}
    space = network.get("search_space")
    if isinstance(space, str) and ":" not in space:
        network["search_space"] = re.split(r"[./]", space)[-1]
    if network != given:
        notes.append(f"network: '{space}' and its arguments are one object with 'search_space'")
    return network


def _name(algorithm: Any) -> Any:
    return algorithm.get("name") if isinstance(algorithm, dict) else algorithm


def _inferred(network: dict[str, Any], optimizer: Any) -> str:
    found = any(network.get(key) is not None for key in _FOUND)
    if found or not isinstance(optimizer, dict) or "valid" not in optimizer:
        return "Trainer"
    default = "sample" if network.get("search_space") in _SAMPLED else "full"
    sampled = network.get("mode", default) == "sample"
    return "ProxylessNasSearcher" if sampled else "DartsSearcher"


def _fair(network: Any, algorithm: Any, notes: list[str]) -> tuple[Any, Any]:
    """Translate FairNAS: a chain of inverted residuals, trained with strict fairness."""
    space = network.get("search_space") if isinstance(network, dict) else None
    if isinstance(space, str) and space.lower().startswith("fair"):
        network = {"skip_connect": False, **network, "search_space": "mobilenet"}
        notes.append(f"network: '{space}' is the space mobilenet without skipped blocks")
    trains = str(_name(algorithm)).endswith("Trainer") or any(
        isinstance(network, dict) and network.get(key) is not None for key in _FOUND
    )
    if trains:
        return network, "Trainer"
    notes.append(f"algorithm: FairNAS's search is {_ONE_SHOT} with fair sampling")
    return network, {"name": _ONE_SHOT, "sampling": "fair"}
