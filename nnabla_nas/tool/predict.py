"""Classify pictures with a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nnabla_nas.errors import printable
from nnabla_nas.tool.parser import ToolParser


def main(argv: Sequence[str]) -> int:
    """Print the most probable classes of each picture.

    Args:
        argv: the arguments behind `predict`.

    Returns:
        The exit code.

    Raises:
        InputError: if the folder holds no training, or a picture cannot be read.
    """
    parser = ToolParser(
        "predict",
        "Classify pictures with the network that a training has left.",
        "Each picture is brought to the shape of the data set's images as its reader does it:\n"
        "converted to grey or colour, scaled until it covers height and width, and cut evenly;\n"
        "of imagenet the middle 87.5 % is scaled. Then it is normalised as in training.",
    )
    parser.add_argument("folder", metavar="RUN_FOLDER", help="the training's output folder")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="picture files")
    parser.add_argument(
        "--top", type=int, default=3, metavar="N", help="classes printed for each (default: 3)"
    )
    parser.add_context()
    parser.add_allow_imports()
    arguments = parser.parse(argv)
    if arguments.top < 1:
        parser.error(f"--top: got {arguments.top}; allowed >= 1")
    # Only here: --help answers without nnabla, and nnabla is quiet from its first word on.
    from nnabla_nas.device.quiet import quiet_nnabla

    quiet_nnabla()
    from nnabla_nas.export.prediction import probabilities, read_pictures
    from nnabla_nas.export.trained_run import open_run

    with open_run(arguments.folder, arguments.context, arguments.allow_imports) as run:
        images = read_pictures(run, [Path(name) for name in arguments.images])
        predicted = probabilities(run, images)
    for name, row in zip(arguments.images, predicted, strict=True):
        best = (-row).argsort(kind="stable")[: arguments.top]
        classes = ", ".join(
            f"{run.inputs.classes[index]} {100 * row[index]:.1f} %" for index in best
        )
        print(printable(f"{name}: {classes}"))
    return 0
