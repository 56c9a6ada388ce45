"""Trained networks as ONNX files."""

from __future__ import annotations

import importlib
import json
import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nnabla_nas.device.quiet import silence
from nnabla_nas.errors import InputError, NasError
from nnabla_nas.export.network import BOUND_TO_BATCH_SIZE, OUTPUT, ExportedNetwork
from nnabla_nas.export.nnp import write_nnp

OPSET, IR_VERSION = 13, 8
BATCH = "batch"


def write_onnx(path: Path, network: ExportedNetwork) -> None:
    """Write a network as an ONNX file of operator set 13, with its metadata.

    Args:
        path: the file, ending in `.onnx`.
        network: the network.

    Raises:
        InputError: if the packages of the extra `onnx` are not installed.
        NasError: if the network holds what cannot be converted.
    """
    onnx = require_onnx()
    model = _converted(network)
    if network.options.batch_size is None:
        _open_batch_size(model)
    for key, value in network.metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value)
    model.producer_name = "nnabla_nas"
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())
        raise NasError(f"the network cannot be written as ONNX: {reason:.300}") from error
    path.write_bytes(model.SerializeToString(deterministic=True))


def require_onnx() -> Any:
    """Return the package `onnx`.

    Raises:
        InputError: if it or the converter is not installed.
    """
    try:
        importlib.import_module("nnabla.utils.converter.nnabla")
        return importlib.import_module("onnx")
    except ModuleNotFoundError as error:
        raise InputError(
            f"--format onnx: the package '{error.name}' is missing; run the same by "
            "`./run.sh --extra onnx python -m nnabla_nas export ...`"
        ) from error


def convert_nnp(source: Path, batch_size: int) -> Any:
    """Return nnabla's conversion of a network, as an ONNX model.

    Args:
        source: the `.nnp` file.
        batch_size: what the network is built for.

    Raises:
        NasError: if the network holds what cannot be converted.
    """
    onnx = require_onnx()
    from nnabla.utils.converter.nnabla import NnpImporter
    from nnabla.utils.converter.onnx.exporter import OnnxExporter

    with TemporaryDirectory() as folder, silence(), warnings.catch_warnings():
        # The converter calls functions of numpy that are to be renamed.
        warnings.simplefilter("ignore", DeprecationWarning)
        target = Path(folder) / "network.onnx"
        imported = NnpImporter(str(source), expand_network=True, executor_index=0).execute()
        exporter = OnnxExporter(imported, batch_size, ir_version=IR_VERSION, opset=str(OPSET))
        try:
            exporter.execute(target)
        except ValueError as error:
            raise NasError(f"the network cannot be written as ONNX: {error}") from error
        return onnx.load(str(target))


def _converted(network: ExportedNetwork) -> Any:
    """Return nnabla's conversion of the network, as an ONNX model."""
    require_onnx()
    with TemporaryDirectory() as folder, silence():
        source = Path(folder) / "network.nnp"
        size = network.options.batch_size or 1
        write_nnp(source, replace(network, options=replace(network.options, batch_size=size)))
        return convert_nnp(source, size)


def _open_batch_size(model: Any) -> None:
    """Leave the batch size of a model open that was converted for one image.

    Args:
        model: the ONNX model; its only constants that hold the batch size are target shapes.
    """
    import numpy as np
    from onnx import numpy_helper, shape_inference

    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            tensors[node.output[0]] = node.attribute[0].t
    for node in graph.node:
        if node.op_type == "Reshape":
            shape = numpy_helper.to_array(tensors[node.input[1]]).copy()
            # In a target shape 0 stands for the size that the axis had before.
            shape[0] = 0
            name = tensors[node.input[1]].name
            tensors[node.input[1]].CopyFrom(numpy_helper.from_array(shape.astype(np.int64), name))
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    del graph.value_info[:]
    outputs = list(graph.output)
    del graph.output[:]
    graph.output.add().name = OUTPUT
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph.output[0]
    if inferred.type.tensor_type.shape.dim[0].dim_param != BATCH:
        raise NasError(BOUND_TO_BATCH_SIZE)
    graph.output[0].CopyFrom(outputs[0])
