"""Evaluate a trained network again."""

from __future__ import annotations

from collections.abc import Sequence

from nnabla_nas.tool.parser import ToolParser


def main(argv: Sequence[str]) -> int:
    """Print loss and error of a trained network.

    Args:
        argv: the arguments behind `evaluate`.

    Returns:
        The exit code.

    Raises:
        InputError: if the folder holds no training, or the data is missing.
    """
    parser = ToolParser(
        "evaluate", "Evaluate the network that a training has left, with its running statistics."
    )
    parser.add_argument("folder", metavar="RUN_FOLDER", help="the training's output folder")
    parser.add_argument(
        "--split",
        choices=("test", "valid"),
        default="test",
        help="the official test set (default), or the part of the training set that was kept back",
    )
    parser.add_context()
    parser.add_allow_imports()
    arguments = parser.parse(argv)
    # Only here: --help answers without nnabla, and nnabla is quiet from its first word on.
    from nnabla_nas.device.quiet import quiet_nnabla

    quiet_nnabla()
    from nnabla_nas.export.trained_run import open_run
    from nnabla_nas.runner.evaluation import evaluate_run, in_words

    with open_run(arguments.folder, arguments.context, arguments.allow_imports) as run:
        metrics = evaluate_run(run, arguments.split)
    print(f"{arguments.split}: {in_words(metrics)}")
    return 0
