from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nnabla_nas.artifact
from nnabla_nas.artifact import TensorBoard
from nnabla_nas.artifact.network_graph import GraphNode
from nnabla_nas.errors import NasError

ROOT = Path(nnabla_nas.artifact.__file__).parents[2]
FILL = """
import resource, signal, sys
from pathlib import Path
from nnabla_nas.artifact import TensorBoard
from nnabla_nas.errors import NasError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
board = TensorBoard(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    for step in range(1000):
        board.scalars({"loss/train": 1.0}, step)
except NasError as error:
    print(error)
"""


def uncovered() -> dict[str, str]:
    # A process that is killed or may not write much would leave a broken coverage file.
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def write_run(folder: Path) -> TensorBoard:
    board = TensorBoard(folder)
    for step in range(3):
        board.scalars({"loss/train": 1.0 / (step + 1), "reward": math.nan}, step)
    board.scalars({"reward": 0.5, "error/valid": math.inf}, 3)
    return board


def test_events_read_back(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = write_run(tmp_path / "tensorboard")
    Image.new("RGBA", (31, 17), (255, 0, 0, 128)).save(tmp_path / "arch.png")
    board.image("arch", tmp_path / "arch.png", 2)
    board.text("summary", "**four** parameters", 0)
    board.close()
    board.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert sorted(tags["scalars"]) == ["loss/train", "reward"]
    losses = [(event.step, event.value) for event in events.Scalars("loss/train")]
    assert losses == [(0, 1.0), (1, 0.5), (2, pytest.approx(1 / 3))]
    assert [(event.step, event.value) for event in events.Scalars("reward")] == [(3, 0.5)]
    (image,) = events.Images("arch")
    assert (image.step, image.width, image.height) == (2, 31, 17)
    (text,) = events.Tensors("summary/text_summary")
    assert text.tensor_proto.string_val == [b"**four** parameters"]


def test_histograms_leave_out_what_is_not_finite(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = TensorBoard(tmp_path)
    values = np.array([[0.5, -1.0], [math.inf, math.nan]], np.float32)
    board.histograms(
        {"parameter/a": values, "parameter/b": values[1:], "zeros": np.zeros(3, np.float32)}, 4
    )
    board.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert sorted(events.Tags()["histograms"]) == ["parameter/a", "zeros"]
    (event,) = events.Histograms("parameter/a")
    histogram = event.histogram_value
    assert (event.step, histogram.num, histogram.min, histogram.max) == (4, 2, -1.0, 0.5)


def test_the_newest_graph_counts(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    board = TensorBoard(tmp_path)
    board.graph([GraphNode("old", "ReLU")])
    last = GraphNode("a/b", "Convolution", ("x",), (1, 8, 4, 4), {"_W": "(8, 3, 3, 3)"})
    board.graph([GraphNode("x", "Input", shape=(1, 3, 4, 4)), last])
    board.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    graph = events.Graph()
    assert isinstance(graph, GraphDef)
    assert [node.name for node in graph.node] == ["x", "a/b"]
    node = graph.node[1]
    assert (node.op, list(node.input), node.attr["_W"].s) == ("Convolution", ["x"], b"(8, 3, 3, 3)")
    (shape,) = node.attr["_output_shapes"].list.shape
    assert [dim.size for dim in shape.dim] == [1, 8, 4, 4]


def test_everything_goes_into_one_event_file(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)
    board.layout({"health": {"loss": ["loss/.*"]}})
    metrics = {"result/error_test": 0.25, "result/error_valid": None}
    board.hyperparameters({"lr": 0.1, "name": "x", "flag": True}, metrics, 3, ["name"])
    board.image("map", Image.new("RGB", (5, 4)), 3)
    board.close()
    assert len(list(tmp_path.rglob("*"))) == 1


@pytest.mark.parametrize("seconds", [[1e9] * 12, [2e9, 1e9, 1.5e9, 3e9]], ids=["same", "back"])
def test_event_files_are_read_in_the_order_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: list[float]
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for step, now in enumerate(seconds):
        # What comes behind the time in a name, such as a process number, may fall as well.
        monkeypatch.setattr("os.getpid", lambda step=step: 1000 - step)
        monkeypatch.setattr("time.time", lambda now=now: now)
        board = TensorBoard(tmp_path, None if step == 0 else step)
        # Written again by the next one, which purges from that step on.
        board.scalars({"loss/train": step}, step)
        board.scalars({"loss/train": -1.0}, step + 1)
        board.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    points = [(event.step, event.value) for event in events.Scalars("loss/train")]
    count = len(seconds)
    assert points == [*((step, float(step)) for step in range(count)), (count, -1.0)]


def test_an_event_file_follows_those_of_other_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1.7e9)
    monkeypatch.setattr("socket.gethostname", lambda: "no name/here")
    (tmp_path / "events.out.tfevents.1800000000.host.12").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("")
    TensorBoard(tmp_path).close()
    assert (tmp_path / "events.out.tfevents.1800000001.no_name_here").is_file()


def test_what_was_added_is_on_disk_at_once(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)
    (path,) = tmp_path.iterdir()
    before = path.stat().st_size
    board.scalars({"loss/train": 1.0}, 0)
    assert path.stat().st_size > before
    board.close()


def test_a_full_disk_is_an_error_and_no_endless_wait(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)],
        env={**uncovered(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.stdout == f"cannot write '{tmp_path}': File too large\n"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("")
    with pytest.raises(NasError, match=r"cannot write .*tensorboard': File exists"):
        TensorBoard(tmp_path / "tensorboard")


def test_the_real_server_serves_the_curves(
    tmp_path: Path, tensorboard: Callable[[Path, str], Callable[[str], Any]]
) -> None:
    board = write_run(tmp_path / "run" / "tensorboard")
    ask = tensorboard(tmp_path, "run/tensorboard")
    assert set(ask("scalars/tags")["run/tensorboard"]) == {"loss/train", "reward"}
    series = ask("scalars/scalars?tag=loss%2Ftrain&run=run%2Ftensorboard")
    assert [(step, value) for _, step, value in series] == [
        (0, 1.0),
        (1, 0.5),
        (2, pytest.approx(1 / 3)),
    ]
    board.close()
