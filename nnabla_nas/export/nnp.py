"""Trained networks as nnabla's own files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import nnabla as nn
from nnabla.utils.nnp_graph import NnpLoader
from nnabla.utils.save import save

from nnabla_nas.device.quiet import silence
from nnabla_nas.errors import NasError
from nnabla_nas.export.network import BOUND_TO_BATCH_SIZE, INPUT, OUTPUT, ExportedNetwork

METADATA = "metadata.json"


def write_nnp(path: Path, network: ExportedNetwork) -> None:
    """Write a network as an `.nnp` file: a zip archive that nnabla's loaders read.

    The archive holds a member of ours, `metadata.json`, that the loaders pass over.

    Args:
        path: the file, ending in `.nnp`.
        network: the network.

    Raises:
        NasError: if it computes something else for more images than one.
    """
    batch_size = network.options.batch_size
    contents = {
        "networks": [
            {
                "name": "network",
                "batch_size": batch_size or 1,
                "outputs": {OUTPUT: network.logits},
                "names": {INPUT: network.image},
            }
        ],
        "executors": [
            {"name": "inference", "network": "network", "data": [INPUT], "output": [OUTPUT]}
        ],
    }
    with nn.parameter_scope("", {}):
        for name, parameter in network.parameters.items():
            nn.parameter.set_parameter(name, parameter)
        save(str(path), contents, variable_batch_size=batch_size is None)
        if batch_size is None:
            _check_open_batch_size(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(METADATA, json.dumps(network.metadata, indent=2))


def _check_open_batch_size(path: Path) -> None:
    """Read a network again for another batch size than it was built for."""
    with silence():
        try:
            logits = NnpLoader(str(path)).get_network("network", batch_size=2).outputs[OUTPUT]
            works = logits.shape[0] == 2
        except RuntimeError:
            works = False
    if not works:
        raise NasError(BOUND_TO_BATCH_SIZE)
