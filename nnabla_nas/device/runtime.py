"""What a run runs on."""

from __future__ import annotations

from dataclasses import dataclass

from nnabla_nas.device.context import Device
from nnabla_nas.random import Streams


@dataclass(frozen=True)
class Runtime:
    """The device and the randomness of one run.

    Args:
        device: what it computes on.
        streams: its named random streams.
    """

    device: Device
    streams: Streams
