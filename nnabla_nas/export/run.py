"""Exporting what a training has left into its own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nnabla_nas.export.network import ExportOptions, build_exported
from nnabla_nas.export.nnp import write_nnp
from nnabla_nas.export.onnx import require_onnx, write_onnx
from nnabla_nas.export.trained_run import TrainedRun

Format = Literal["nnp", "onnx"]


def export_run(run: TrainedRun, kind: Format, options: ExportOptions | None = None) -> Path:
    """Write the network of a training into its folder.

    Args:
        run: the training, read back.
        kind: the format.
        options: how it is written.

    Returns:
        The file; one that is there is replaced when the new one is whole.

    Raises:
        InputError: if packages are missing.
        NasError: if the network cannot be converted, or the file not written.
    """
    if kind == "onnx":
        require_onnx()
    network = build_exported(
        run.model, run.inputs, run.architecture, run.result, options or ExportOptions()
    )
    path = run.folder.network_onnx if kind == "onnx" else run.folder.network_nnp
    with run.folder.replacing(path) as partial:
        (write_onnx if kind == "onnx" else write_nnp)(partial, network)
    return path
