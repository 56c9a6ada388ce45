"""Curves, pictures and texts for TensorBoard."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnabla_nas.artifact.writing import writing


class TensorBoard:
    """Writes one event file of a run.

    Events are written and flushed by the caller's thread. tensorboardX's own `SummaryWriter`
    hands them to a thread that ends when the disk is full, after which the run would wait for it
    forever.

    Args:
        folder: where the event file is created; made if it is missing.

    Raises:
        NasError: if the event file cannot be written; so do all methods.
    """

    def __init__(self, folder: Path) -> None:
        # Imported here because it takes longer than everything else a command line needs.
        from tensorboardX.event_file_writer import EventsWriter

        self.folder = folder
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            # tensorboardX takes a relative path that begins with `s3:` for a remote one.
            prefix = str(folder.absolute() / "events")
            self._writer: Any = EventsWriter(prefix, f".{os.getpid()}")
            self._writer.flush()

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Add one point to each curve.

        Args:
            values: the values by tag, for example `loss/train`; those that are not finite leave a
                gap.
            step: the position on the horizontal axis.
        """
        from tensorboardX import summary

        finite = {tag: float(value) for tag, value in values.items() if math.isfinite(value)}
        self._add([summary.scalar(tag, value) for tag, value in finite.items()], step)

    def image(self, tag: str, png_path: Path, step: int) -> None:
        """Add a picture.

        Args:
            tag: its name.
            png_path: the picture.
            step: the position on the slider.
        """
        import numpy as np
        from PIL import Image
        from tensorboardX import summary

        with Image.open(png_path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        self._add([summary.image(tag, pixels, dataformats="HWC")], step)

    def text(self, tag: str, text: str, step: int) -> None:
        """Add a text.

        Args:
            tag: its name.
            text: Markdown.
            step: the position on the slider.
        """
        from tensorboardX import summary

        self._add([summary.text(tag, text)], step)

    def close(self) -> None:
        """Close the event file; nothing can be added afterwards."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with writing(self.folder):
                writer.close()

    def _add(self, summaries: list[Any], step: int) -> None:
        from tensorboardX.proto.event_pb2 import Event

        with writing(self.folder):
            for summary in summaries:
                event = Event(summary=summary, step=step, wall_time=time.time())
                self._writer.write_event(event)
            self._writer.flush()
