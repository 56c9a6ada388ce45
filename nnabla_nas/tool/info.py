"""What this machine offers a run, and why it does not offer more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nnabla_nas.tool.parser import ToolParser

Line = tuple[str, str]
_WIDTH = 25


def main(argv: Sequence[str]) -> int:
    """Print versions, device, why a GPU is not used, and where data is looked for.

    Args:
        argv: the arguments behind `info`.

    Returns:
        The exit code, 0: what cannot be found out is said in its place.
    """
    ToolParser("info", "Print what this machine offers a run, and why no more.").parse(argv)
    for section in (_software, _device, _gpus, _pictures, _data):
        for label, text in _told(section):
            print(f"{label:<{_WIDTH}}{text}".rstrip())
    return 0


def _told(section: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """Yield the lines of a section; whatever goes wrong becomes the last of them."""
    try:
        yield from section()
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        yield section.__name__.strip("_"), f"cannot be found out: {reason}"


def _software() -> Iterator[Line]:
    from nnabla_nas.artifact.environment import describe_environment

    environment = describe_environment()
    yield "python", environment["python"]
    for name, version in environment["versions"].items():
        yield name, version or "not installed"
    yield "git commit", environment["git_commit"] or "none: no checkout"
    yield "platform", environment["platform"]
    cores = len(os.sched_getaffinity(0))
    yield "processor", f"{environment['processor']}, {cores} cores for this process"


def _device() -> Iterator[Line]:
    from nnabla_nas.device.quiet import quiet_nnabla

    quiet_nnabla()
    from nnabla_nas.device.context import choose_device

    device = choose_device("auto", "-1", "float")
    yield "a run computes on", device.description
    for notice in device.notices:
        yield "", notice


def _gpus() -> Iterator[Line]:
    from nnabla_nas.device.gpus import ask_driver
    from nnabla_nas.device.trial import UnusableError, try_context

    names, fault = ask_driver()
    yield "NVIDIA driver", f"does not answer: {fault}" if fault else "answers"
    yield "GPUs", ", ".join(f"{n}: {name}" for n, name in enumerate(names)) or "none"
    yield "CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
    for name in ("cudnn", "cuda"):
        try:
            try_context(name)
            yield f"context {name}", "works"
        except UnusableError as error:
            yield f"context {name}", f"does not work: {error}"


def _pictures() -> Iterator[Line]:
    from nnabla_nas.artifact.drawing import find_graphviz_pure

    binary = shutil.which("dot") or find_graphviz_pure()
    yield "pictures are drawn with", binary or "matplotlib: neither dot nor graphviz-pure found"


def _data() -> Iterator[Line]:
    from nnabla_nas.dataset.fashion_mnist import DEBIAN_FOLDER
    from nnabla_nas.dataset.location import VARIABLE, data_folder

    yield f"${VARIABLE}", os.environ.get(VARIABLE) or "not set"
    yield "data is looked for in", _exists(data_folder())
    yield "fashion_mnist also in", _exists(DEBIAN_FOLDER)


def _exists(folder: Path) -> str:
    return f"{folder} ({'is there' if folder.is_dir() else 'is not there'})"
