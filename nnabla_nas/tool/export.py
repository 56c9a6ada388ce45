"""Write a trained network as a file for other programs."""

from __future__ import annotations

from collections.abc import Sequence

from nnabla_nas.errors import printable
from nnabla_nas.tool.parser import ToolParser


def main(argv: Sequence[str]) -> int:
    """Write network.nnp, network.onnx or network_sony.h5 into a run's folder.

    Args:
        argv: the arguments behind `export`.

    Returns:
        The exit code.

    Raises:
        InputError: if the folder holds no training, or packages are missing.
        NasError: if the network cannot be converted, or the file not written.
    """
    parser = ToolParser(
        "export", "Write the network that a training has left as a file for other programs."
    )
    add = parser.add_argument
    add("folder", metavar="RUN_FOLDER", help="the training's output folder, also of the file")
    add(
        "--format",
        choices=("nnp", "onnx", "sony"),
        required=True,
        help="nnabla's format, ONNX, or a zoph network's parameters for Sony's nnabla-nas",
    )
    add(
        "--names",
        metavar="THEIRS.h5",
        help="of sony: a file that nnabla-nas wrote for the same network, for its names",
    )
    add("--batch-size", type=int, metavar="N", help="images per pass (default: left open)")
    add(
        "--fold-batch-norm",
        action="store_true",
        help="put batch normalisation into the weights of the layer before it",
    )
    add(
        "--normalise",
        action="store_true",
        help="let the network take pixels from 0 to 255 and normalise them itself",
    )
    parser.add_allow_imports()
    arguments = parser.parse(argv)
    if arguments.batch_size is not None and arguments.batch_size < 1:
        parser.error(f"--batch-size: got {arguments.batch_size}; allowed >= 1")
    if (arguments.format == "sony") != (arguments.names is not None):
        parser.error("--names: goes with --format sony, which needs it")
    # Only here: --help answers without nnabla, and nnabla is quiet from its first word on.
    from nnabla_nas.device.quiet import quiet_nnabla

    quiet_nnabla()
    if arguments.format == "sony":
        from nnabla_nas.export.sony import export_sony

        written = export_sony(arguments.folder, arguments.names)
        print(f"{written}: {written.stat().st_size:,} bytes")
        return 0
    from nnabla_nas.export.network import ExportOptions
    from nnabla_nas.export.run import export_run
    from nnabla_nas.export.trained_run import open_run

    options = ExportOptions(arguments.batch_size, arguments.fold_batch_norm, arguments.normalise)
    with open_run(arguments.folder, "cpu", arguments.allow_imports) as run:
        path = export_run(run, arguments.format, options)
    print(printable(f"{path}: {path.stat().st_size:,} bytes"))
    return 0
