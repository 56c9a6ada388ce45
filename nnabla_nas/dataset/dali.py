"""Photographs decoded and scaled on a GPU by NVIDIA DALI, an optional package.

The boxes come from the same numbers as those of the reader with Pillow, so the seed decides what is
seen; the scaled pixels differ by what two implementations of an interpolation differ.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nnabla_nas.dataset.crop import Draws, central_box, random_box
from nnabla_nas.dataset.picture import Pixels
from nnabla_nas.errors import DataError

_PACKAGE = "nvidia.dali"
_THREADS = 4
# The EXIF entry that says how the camera was held, and its values for a quarter turn.
_ORIENTATION, _LYING = 0x0112, (5, 6, 7, 8)


def dali_fault() -> str | None:
    """Return why DALI cannot be used here, or None."""
    try:
        installed = importlib.util.find_spec(_PACKAGE) is not None
    except ModuleNotFoundError:
        installed = False
    if not installed:
        return "NVIDIA DALI is not installed"
    # Drivers make one file a GPU; under WSL all GPUs share one.
    if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/dxg").exists():
        return "there is no GPU"
    return None


class DaliReader:
    """Reads photographs with DALI, JPEG decoding included, on the first visible GPU.

    Args:
        side: height and width of the images, S.
    """

    def __init__(self, side: int) -> None:
        self._side = side
        self._pipelines: dict[int, Any] = {}

    def read(self, paths: Sequence[str], draws: Draws | None) -> Pixels:
        """Return colour images, by bilinear interpolation; see `Reader.read`."""
        files, starts, sizes = [], [], []
        for number, path in enumerate(paths):
            left, upper, right, lower = _box(path, None if draws is None else draws[number])
            files.append(np.fromfile(path, dtype=np.uint8))
            starts.append(np.array([upper, left], dtype=np.int32))
            sizes.append(np.array([lower - upper, right - left], dtype=np.int32))
        n = len(paths)
        if n not in self._pipelines:
            self._pipelines[n] = _pipeline(n, self._side)
        pipeline = self._pipelines[n]
        try:
            for name, values in (("file", files), ("start", starts), ("size", sizes)):
                pipeline.feed_input(name, values)
            (images,) = pipeline.run()
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"DALI cannot read one of {paths[0]!r} …: {reason}") from error
        pixels: Pixels = images.as_cpu().as_array()
        return pixels


def _box(path: str, draws: Draws | None) -> tuple[int, int, int, int]:
    """Return the box of a photograph in whole pixels; only its header is read."""
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as picture:
            width, height = picture.size
            if picture.getexif().get(_ORIENTATION, 1) in _LYING:
                width, height = height, width
    except OSError as error:
        raise DataError(f"cannot read picture {path!r}: {error}") from error
    box = central_box(width, height) if draws is None else random_box(width, height, draws)
    left, upper, right, lower = (round(edge) for edge in box)
    return left, upper, right, lower


def _pipeline(n: int, side: int) -> Any:
    """Build the pipeline for batches of n: decode a box, scale it, channels first."""
    dali = importlib.import_module(_PACKAGE)
    fn = importlib.import_module(f"{_PACKAGE}.fn")
    types = importlib.import_module(f"{_PACKAGE}.types")
    pipeline = dali.Pipeline(
        batch_size=n, num_threads=_THREADS, device_id=0, prefetch_queue_depth=1
    )
    with pipeline:
        images = fn.decoders.image_slice(
            fn.external_source(name="file"),
            fn.external_source(name="start"),
            fn.external_source(name="size"),
            axes=(0, 1),
            normalized_anchor=False,
            normalized_shape=False,
            device="mixed",
            output_type=types.RGB,
        )
        images = fn.resize(
            images, resize_x=side, resize_y=side, interp_type=types.INTERP_LINEAR, antialias=True
        )
        pipeline.set_outputs(fn.transpose(images, perm=[2, 0, 1]))
    pipeline.build()
    return pipeline
