"""Measuring the operations of a search space on a device."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from nnabla_nas.artifact.writing import writing
from nnabla_nas.errors import InputError
from nnabla_nas.tool.parser import ToolParser

# The first half of the whole networks fits the offset, the other half is compared.
_NETWORKS = 20
_EPILOG = """\
The table is JSON; LatencyTable reads it in a search on any machine:

  "regularizer": {"speed": {"name": "LatencyTable", "path": "TABLE.json", "bound": 5}}
"""


def main(argv: Sequence[str]) -> int:
    """Measure every operation of an experiment's network at each of its shapes, and write a table.

    The table also says how far its sums are from whole networks that were measured with it.

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
    add(
        "--networks",
        type=int,
        metavar="N",
        default=_NETWORKS,
        help=f"random whole networks to compare sums with; 0: none (default: {_NETWORKS})",
    )
    add("-x", "--set", action="append", metavar="KEY=VALUE", default=[], help="as of a run")
    given = parser.parse(argv)
    if given.n_run < 1 or given.n_warmup < 0:
        raise InputError(f"{parser.prog}: allowed --n-run >= 1 and --n-warmup >= 0")
    if given.networks < 0 or given.networks == 1:
        raise InputError(f"{parser.prog}: allowed --networks 0, or 2 and more")
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
    from nnabla_nas.estimator.table_error import table_error

    assert experiment.input_shape is not None
    estimator = LatencyEstimator(given.context, given.n_run, given.n_warmup)
    with random.use(random.Streams(experiment.seed)):
        model = build_network(experiment)
        # A network without choices is the only one of its space.
        n = given.networks if model.choices() else 0
        pairs = estimator.compare(model, experiment.input_shape, n, experiment.seed)
    content = estimator.to_json()
    if pairs:
        error = table_error(pairs, n // 2)
        print(error)
        content = {**content, "table_error": error.to_json()}
    text = json.dumps(content, indent=2) + "\n"
    partial = path.with_name(f".{path.name}.partial")
    with writing(path):
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    print(f"{path}: {len(estimator.latencies)} operations measured")
    return 0
