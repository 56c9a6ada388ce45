"""The graph of a trained network as other programs are to have it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np

import nnabla_nas.function as function
from nnabla_nas import __version__
from nnabla_nas.dataset.inputs import Inputs
from nnabla_nas.search_space.model import Model

INPUT, OUTPUT = "image", "logits"
BOUND_TO_BATCH_SIZE = (
    "the network holds a function that is bound to a batch size; export it for one by "
    "--batch-size N"
)


@dataclass(frozen=True)
class ExportOptions:
    """How a network is written.

    Args:
        batch_size: images per pass; None leaves it open.
        fold_batch_norm: whether batch normalisation goes into the weights of the layer before it.
        normalise: whether the network takes pixels 0 to 255 and normalises them itself.
    """

    batch_size: int | None = None
    fold_batch_norm: bool = False
    normalise: bool = False


@dataclass(frozen=True)
class ExportedNetwork:
    """A graph and what belongs into the file beside it.

    Args:
        image: the input, (B, C, H, W).
        logits: the output, (B, classes).
        parameters: path → parameter of everything the output depends on.
        options: how it is written.
        metadata: key → text or plain data.
    """

    image: nn.Variable
    logits: nn.Variable
    parameters: Mapping[str, nn.Variable]
    options: ExportOptions
    metadata: Mapping[str, Any]


def build_exported(
    model: Model,
    inputs: Inputs,
    architecture: Mapping[str, Any],
    result: Mapping[str, Any],
    options: ExportOptions,
) -> ExportedNetwork:
    """Build the active path of a network for inference, in functions that other programs know.

    Args:
        model: the network, with its weights.
        inputs: what it takes and what its outputs are called.
        architecture: what arch.json says.
        result: what result.json says, or nothing.
        options: how it is to be written.
    """
    image = nn.Variable((options.batch_size or 1, *inputs.shape))
    known = dict(model.get_parameters())
    model.apply(training=False, active_only=True, private_statistics=False, gated=False)
    with ExitStack() as stack:
        stack.callback(model.apply, active_only=False)
        stack.enter_context(function.plain())
        stack.enter_context(nn.auto_forward(False))
        if options.fold_batch_norm:
            stack.enter_context(function.fold_batch_normalization())
        x = _normalised(image, inputs, known) if options.normalise else image
        outputs: Any = model(x)
    logits = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
    parameters = _parameters(logits, image, known)
    metadata = _metadata(inputs, architecture, result, options)
    return ExportedNetwork(image, logits, parameters, options, metadata)


def _normalised(image: nn.Variable, inputs: Inputs, known: dict[str, Any]) -> nn.Variable:
    """Return (image / 255 - mean) / std; what it takes for that is added to the parameters."""
    pixels = {"mean": inputs.mean, "std": inputs.std}
    for name, values in pixels.items():
        array = 255 * np.array(values, dtype=np.float32).reshape(1, -1, 1, 1)
        known[f"normalisation/{name}"] = nn.Variable.from_numpy_array(array)
    return F.div2(F.sub2(image, known["normalisation/mean"]), known["normalisation/std"])


def _parameters(
    logits: nn.Variable, image: nn.Variable, known: Mapping[str, nn.Variable]
) -> dict[str, nn.Variable]:
    """Return the parameters that the output depends on; those made by folding get names."""
    names = {variable: name for name, variable in known.items()}
    found: dict[str, nn.Variable] = {}

    def visit(function: Any) -> None:
        for variable in function.inputs:
            if variable.parent is None and variable != image:
                name = names.setdefault(variable, f"folded/{len(found)}")
                found[name] = variable

    logits.visit(visit)
    return found


def _metadata(
    inputs: Inputs,
    architecture: Mapping[str, Any],
    result: Mapping[str, Any],
    options: ExportOptions,
) -> dict[str, Any]:
    metrics = result.get("metrics") or {}
    return {
        "producer": f"nnabla_nas {__version__}",
        "classes": list(inputs.classes),
        "input_shape": list(inputs.shape),
        # What the network still expects: inputs (pixel / 255 - mean) / std, or pixels 0 to 255.
        "input": "pixels from 0 to 255" if options.normalise else "(pixel / 255 - mean) / std",
        "mean": list(inputs.mean),
        "std": list(inputs.std),
        "architecture": dict(architecture),
        "metrics": {name: metrics.get(name) for name in ("valid", "test")},
    }
