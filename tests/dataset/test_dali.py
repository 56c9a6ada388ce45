"""What is asked of DALI; the package itself needs a GPU, and a stand-in takes its place."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from PIL import Image

from nnabla_nas.dataset.crop import draw, random_box
from nnabla_nas.dataset.dali import DaliReader
from nnabla_nas.errors import DataError


class Pipeline:
    """Writes down what it is fed; returns black images."""

    made: list[Pipeline]

    def __init__(self, batch_size: int, **_: Any) -> None:
        self.batch_size, self.fed = batch_size, {}  # type: ignore[var-annotated]
        Pipeline.made.append(self)

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None: ...

    def set_outputs(self, _: object) -> None: ...

    def build(self) -> None: ...

    def feed_input(self, name: str, values: list[Any]) -> None:
        self.fed[name] = values

    def run(self) -> tuple[Any]:
        if not all(file.tobytes().endswith(b"\xff\xd9") for file in self.fed["file"]):
            raise RuntimeError("cannot\ndecode")
        images = MagicMock()
        images.as_cpu().as_array.return_value = np.zeros((self.batch_size, 3, 8, 8), np.uint8)
        return (images,)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> DaliReader:
    package: Any = ModuleType("nvidia.dali")
    package.Pipeline = Pipeline
    Pipeline.made = []
    for name in ("nvidia", "nvidia.dali.fn", "nvidia.dali.types"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    monkeypatch.setitem(sys.modules, "nvidia.dali", package)
    return DaliReader(8)


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    found = []
    for number, turned in enumerate((1, 6, 1)):
        exif = Image.Exif()
        exif[0x0112] = turned
        path = tmp_path / f"{number}.jpg"
        Image.new("RGB", (60 + number, 40)).save(path, exif=exif)
        found.append(str(path))
    return found


def test_boxes_are_those_of_the_reader_with_pillow(reader: DaliReader, paths: list[str]) -> None:
    draws = draw(3, np.random.default_rng(4))
    assert reader.read(paths, draws).shape == (3, 3, 8, 8)
    (pipeline,) = Pipeline.made
    for number, (width, height) in enumerate([(60, 40), (40, 61), (62, 40)]):
        left, upper, right, lower = random_box(width, height, draws[number])
        assert pipeline.fed["start"][number].tolist() == [upper, left]
        assert pipeline.fed["size"][number].tolist() == [lower - upper, right - left]
        assert pipeline.fed["file"][number].tobytes() == Path(paths[number]).read_bytes()


def test_a_pipeline_serves_all_batches_of_its_size(reader: DaliReader, paths: list[str]) -> None:
    for n in (3, 2, 3, 3):
        reader.read(paths[:n], None)
    assert [pipeline.batch_size for pipeline in Pipeline.made] == [3, 2]
    # 224 of 256 of the shorter side, 40 pixels: 35 from 2.5 and from 12.5 on, to whole pixels
    assert Pipeline.made[0].fed["start"][0].tolist() == [2, 12]
    assert Pipeline.made[0].fed["size"][0].tolist() == [36, 36]


def test_a_damaged_file_is_named(reader: DaliReader, tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"^cannot read picture '\S+x\.jpg': cannot identify"):
        reader.read([str(path)], None)
    Image.new("RGB", (40, 40)).save(path)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(DataError, match=r"^DALI cannot read one of '\S+x\.jpg' …: cannot decode$"):
        reader.read([str(path)], None)
