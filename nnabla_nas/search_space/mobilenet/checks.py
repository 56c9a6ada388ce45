"""Which constructor arguments of the mobilenet networks make sense."""

from __future__ import annotations

from typing import Any

from nnabla_nas.registry import did_you_mean
from nnabla_nas.search_space.mobilenet.candidates import CANDIDATES


def argument_faults(arguments: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (argument, what is wrong) for values no network can be built from.

    Args:
        arguments: the constructor's arguments, already of the right types.
    """
    faults = _settings_faults(arguments.get("settings"))
    faults += _candidate_faults(arguments.get("candidates"))
    for name in ("num_classes", "in_channels"):
        if arguments.get(name, 1) < 1:
            faults.append((name, f"got {arguments[name]}; allowed: 1 or more"))
    if arguments.get("stem_stride", 1) not in (1, 2):
        faults.append(("stem_stride", f"got {arguments['stem_stride']}; allowed: 1, 2"))
    if not 0 < arguments.get("width_mult", 1) <= 16:
        faults.append(("width_mult", f"got {arguments['width_mult']}; allowed: above 0, up to 16"))
    for name in ("drop_rate", "label_smoothing"):
        if not 0 <= arguments.get(name, 0) < 1:
            faults.append((name, f"got {arguments[name]}; allowed: from 0 to below 1"))
    return faults


def _settings_faults(settings: Any) -> list[tuple[str, str]]:
    if settings is None:
        return []
    if not settings:
        return [("settings", "got []; allowed: at least one [channels, blocks, stride]")]
    faults = []
    for row, values in enumerate(settings):
        well_formed = len(values) == 3 and 1 <= values[0] <= 65536 and 1 <= values[1] <= 1000
        if not well_formed or values[2] not in (1, 2):
            faults.append(
                (
                    f"settings.{row}",
                    f"got {list(values)}; allowed: [channels >= 1, blocks >= 1, stride 1 or 2]",
                )
            )
    return faults


def _candidate_faults(candidates: Any) -> list[tuple[str, str]]:
    if candidates is None:
        return []
    if not candidates:
        return [("candidates", f"got []; allowed: some of {', '.join(CANDIDATES)}")]
    faults = []
    for index, name in enumerate(candidates):
        if name not in CANDIDATES:
            hint = did_you_mean(name, CANDIDATES)
            faults.append(
                (f"candidates.{index}", f"got '{name}'; allowed: {', '.join(CANDIDATES)}{hint}")
            )
        elif name in candidates[:index]:
            faults.append((f"candidates.{index}", f"got '{name}' twice; allowed: each once"))
    return faults
