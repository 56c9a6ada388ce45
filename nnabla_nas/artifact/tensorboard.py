"""Curves, pictures and texts for TensorBoard."""

from __future__ import annotations

import math
import re
import socket
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnabla_nas.artifact.network_graph import GraphNode, graph_definition
from nnabla_nas.artifact.writing import writing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image


_BINS = 30
_NUMBER = re.compile(r"tfevents\.(\d+)")


class TensorBoard:
    """Writes one event file of a run.

    TensorBoard reads the files of a folder in the order of their names. A file is therefore named
    by the second it is created in, or by a later one where that would not follow all the others: a
    run may be resumed within one second, or after the clock was set back.

    Events are written and flushed by the caller's thread. tensorboardX's own `SummaryWriter`
    hands them to a thread that ends when the disk is full, after which the run would wait for it
    forever.

    Args:
        folder: where the event file is created; made if it is missing.
        purge_step: after a resume, the first step that is done again: what earlier event files
            hold from there on is not shown.

    Raises:
        NasError: if the event file cannot be written; so do all methods.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        # Imported here because it takes longer than everything else a command line needs.
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.record_writer import RecordWriter

        self.folder = folder
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            # tensorboardX takes a relative path that begins with `s3:` for a remote one.
            path = folder.absolute() / f"events.out.tfevents.{_next_number(folder)}.{_host()}"
            self._writer: Any = RecordWriter(str(path))
        events = [Event(file_version="brain.Event:2", wall_time=time.time())]
        if purge_step is not None:
            events.append(_session_start(purge_step))
        self._write(events)

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

    def image(self, tag: str, picture: Path | Image, step: int) -> None:
        """Add a picture.

        Args:
            tag: its name.
            picture: the picture, or the file it is in.
            step: the position on the slider.
        """
        import numpy as np
        from PIL import Image
        from tensorboardX import summary

        if isinstance(picture, Path):
            with Image.open(picture) as opened:
                pixels = np.asarray(opened.convert("RGB"))
        else:
            pixels = np.asarray(picture.convert("RGB"))
        self._add([summary.image(tag, pixels, dataformats="HWC")], step)

    def histograms(self, values: Mapping[str, npt.NDArray[np.float32]], step: int) -> None:
        """Add the distribution of some values, one for each tag.

        Args:
            values: the values by tag; those that are not finite are left out.
            step: the position on the axis of depth.
        """
        import numpy as np
        from tensorboardX import summary

        finite = {tag: array[np.isfinite(array)] for tag, array in values.items()}
        made = [summary.histogram(tag, a, bins=_BINS) for tag, a in finite.items() if a.size]
        self._add(made, step)

    def graph(self, nodes: Iterable[GraphNode]) -> None:
        """Set the graph of the network; the newest one is shown.

        Args:
            nodes: its functions.
        """
        from tensorboardX.proto.event_pb2 import Event

        self._write([Event(graph_def=graph_definition(nodes), wall_time=time.time())])

    def layout(self, categories: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Arrange curves on the page of custom scalars.

        Args:
            categories: per category, by its title: the charts, by title: regular expressions of
                the tags in it.
        """
        from tensorboardX import summary

        charts = {
            title: {chart: ["Multiline", list(tags)] for chart, tags in category.items()}
            for title, category in categories.items()
        }
        self._add([summary.custom_scalars(charts)], 0)

    def hyperparameters(
        self,
        values: Mapping[str, str | bool | int | float],
        metrics: Mapping[str, float | None],
        step: int,
        columns: Collection[str],
    ) -> None:
        """Add the row of this run to the table of runs; call it once, at the end.

        tensorboardX's own `add_hparams` would make a second run of it.

        Args:
            values: what the run was given, by name.
            metrics: what it achieved, by tag, also added as points of curves; None for what was
                not measured: TensorBoard takes the columns of all runs from one of them.
            step: where on the horizontal axis.
            columns: the names whose values are columns of the table. TensorBoard shows five, by
                the alphabet, before any metric.
        """
        from tensorboardX import summary

        shown = {name: value for name, value in values.items() if name in columns}
        table, _, _ = summary.hparams(shown, dict(metrics))
        _, start, end = summary.hparams(dict(values), {})
        self._add([table, start, end], step)
        self.scalars({tag: value for tag, value in metrics.items() if value is not None}, step)

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

        self._write([Event(summary=one, step=step, wall_time=time.time()) for one in summaries])

    def _write(self, events: Sequence[Any]) -> None:
        with writing(self.folder):
            for event in events:
                self._writer.write(event.SerializeToString())
            self._writer.flush()


def _next_number(folder: Path) -> str:
    """Return ten digits: the second it is, or the one after the last that names a file."""
    found = [_NUMBER.search(path.name) for path in folder.iterdir()]
    return f"{max(int(time.time()), *(int(one[1]) + 1 for one in found if one), 0):010d}"


def _host() -> str:
    """Return the name of this machine as a part of a file name."""
    return re.sub(r"[^\w.-]", "_", socket.gethostname())


def _session_start(step: int) -> Any:
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    log = SessionLog(status=SessionLog.START)
    return Event(session_log=log, step=step, wall_time=time.time())
