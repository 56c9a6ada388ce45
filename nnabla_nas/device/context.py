"""Choose the device a run computes on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import nnabla as nn
import nnabla_ext.cpu

from nnabla_nas.device.gpus import list_gpus
from nnabla_nas.device.quiet import quiet_nnabla
from nnabla_nas.device.trial import UnusableError, try_context
from nnabla_nas.errors import DeviceError


@dataclass(frozen=True)
class Device:
    """What a run computes on.

    Args:
        context: nnabla's context.
        name: the kind of context.
        description: the device in words.
        notices: lines for the log about how it was chosen.
    """

    context: nn.Context
    name: Literal["cudnn", "cuda", "cpu"]
    description: str
    notices: tuple[str, ...] = ()


def choose_device(context: str, device_id: str, type_config: str) -> Device:
    """Return the device of an experiment.

    `auto` takes the first of cudnn, cuda and cpu that works; the others are binding.

    Args:
        context: `auto`, `cudnn`, `cuda` or `cpu`.
        device_id: GPU ids, for example `0` or `0,1`, which become the visible CUDA devices; `-1`
            leaves these as they are.
        type_config: the numeric type: `float`, `half` or `mixed_half` (stored in half precision,
            added up in float); on the CPU `float`.

    Returns:
        The device.

    Raises:
        DeviceError: if the device or type cannot be used.
    """
    if type_config not in ("float", "half", "mixed_half"):
        raise DeviceError(f"type_config: got '{type_config}'; allowed: float, half, mixed_half")
    if context not in ("auto", "cudnn", "cuda", "cpu"):
        raise DeviceError(f"context: got '{context}'; allowed: auto, cudnn, cuda, cpu")
    ids = _parse_ids(device_id)
    quiet_nnabla()
    device = _cpu() if context == "cpu" else _find(context, ids, type_config)
    if device.name == "cpu" and type_config != "float":
        # nnabla would emulate half precision there, slower than float.
        why = ", and none that works was found (see `info`)" if context == "auto" else ""
        raise DeviceError(
            f"type_config: got '{type_config}', which needs a GPU{why}; allowed on the CPU: float "
            "(-t float)"
        )
    return device


def _find(context: str, ids: list[int], type_config: str) -> Device:
    """Look for a GPU."""
    gpus = list_gpus()
    if context == "auto" and not gpus:
        unused = f"; device_id {','.join(map(str, ids))} has no effect" if ids else ""
        return _cpu(f"no GPU found, running on the CPU{unused}")
    _show(ids, gpus)
    if context == "auto":
        return _first_working(ids, gpus, type_config)
    try:
        return _gpu(context, ids, gpus, type_config)
    except UnusableError as error:
        raise DeviceError(f"context {context}: {error}, or run with -c cpu") from error


def _parse_ids(device_id: str) -> list[int]:
    """Return the GPU ids of `0,1`, none for `-1`."""
    if device_id.strip() == "-1":
        return []
    parts = [part.strip() for part in device_id.split(",")]
    ids = [int(part) for part in parts if re.fullmatch(r"[0-9]{1,4}", part)]
    if len(ids) < len(parts) or len(set(ids)) < len(ids):
        raise DeviceError(
            f"device_id: got '{device_id}'; allowed: -1, or different GPU ids such as 0 or 0,1"
        )
    return ids


def _show(ids: list[int], gpus: list[str]) -> None:
    """Make the GPUs asked for the visible ones; the extension reads this when it is imported."""
    absent = [number for number in ids if gpus and number >= len(gpus)]
    if absent:
        listed = ", ".join(f"{number} ({name})" for number, name in enumerate(gpus))
        raise DeviceError(f"device_id: there is no GPU {absent[0]}; allowed: {listed}")
    if ids:
        # Number them as nvidia-smi does, not by speed.
        os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, ids))


def _first_working(ids: list[int], gpus: list[str], type_config: str) -> Device:
    failures: list[str] = []
    for name in ("cudnn", "cuda"):
        try:
            return _gpu(name, ids, gpus, type_config, failures)
        except UnusableError as error:
            failures.append(f"context {name} does not work: {error}")
    return _cpu(f"running on the CPU: {failures[0]}")


def _gpu(
    name: str, ids: list[int], gpus: list[str], type_config: str, notices: Iterable[str] = ()
) -> Device:
    context = try_context(name, type_config)
    # Without ids it may be any of them: CUDA_VISIBLE_DEVICES may have been set outside.
    models = {gpus[ids[0]]} if ids and gpus else set(gpus)
    model = models.pop() if len(models) == 1 else "GPU"
    said = list(notices)
    if len(ids) > 1:
        said.append(f"one process uses one GPU: of device_id {','.join(map(str, ids))} the first")
    kind: Literal["cudnn", "cuda"] = "cudnn" if name == "cudnn" else "cuda"
    return Device(context, kind, f"{model} ({name})", tuple(said))


def _cpu(*notices: str) -> Device:
    return Device(nnabla_ext.cpu.context(), "cpu", "CPU", notices)
