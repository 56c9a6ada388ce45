"""Measuring the operations of a search space on a device."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from nnabla_nas.artifact.writing import writing
from nnabla_nas.errors import InputError
from nnabla_nas.tool.parser import ToolParser

_EPILOG = """\
The table is JSON; LatencyTable reads it in a search on any machine:

  "regularizer": {"speed": {"name": "LatencyTable", "path": "TABLE.json", "bound": 5}}
"""


def main(argv: Sequence[str]) -> int:
    """Measure every operation of an experiment's network at each of its shapes, and write a table.

    Args:
        argv: the arguments behind `profile`.

    Returns:
        The exit code.
    """
    parser = ToolParser(
        "profile", "Measure every operation of a search space on this machine.", _EPILOG
    )
    add = parser.add_argument
    add("-f", "--config-file", metavar="PATH", required=True, help="the experiment's JSON file")
    add("-o", "--output", metavar="TABLE", required=True, help="the JSON file to write")
    add("-c", "--context", metavar="NAME", default="auto", help="auto (default), cudnn, cuda, cpu")
    add("--n-run", type=int, metavar="N", default=100, help="runs of each operation (default: 100)")
    add("--n-warmup", type=int, metavar="N", default=10, help="runs before them (default: 10)")
    add("-x", "--set", action="append", metavar="KEY=VALUE", default=[], help="as of a run")
    given = parser.parse(argv)
    if given.n_run < 1 or given.n_warmup < 0:
        raise InputError(f"{parser.prog}: allowed --n-run >= 1 and --n-warmup >= 0")
    path = Path(given.output)
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist")

    from nnabla_nas import random
    from nnabla_nas.config import read_experiment
    from nnabla_nas.config.completion import build_network, complete
    from nnabla_nas.device.quiet import quiet_nnabla

    quiet_nnabla()
    experiment = read_experiment(given.config_file, {}, given.set)
    # What is about to be measured may be the table that the experiment reads.
    experiment, _ = complete(experiment.model_copy(update={"regularizer": {}}))

    from nnabla_nas.estimator.latency import LatencyEstimator

    assert experiment.input_shape is not None
    estimator = LatencyEstimator(given.context, given.n_run, given.n_warmup)
    with random.use(random.Streams(experiment.seed)):
        estimator.cost_table(build_network(experiment), experiment.input_shape)
    text = json.dumps(estimator.to_json(), indent=2) + "\n"
    partial = path.with_name(f".{path.name}.partial")
    with writing(path):
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    print(f"{path}: {len(estimator.latencies)} operations measured")
    return 0
