"""Fill a latency table from ONNX Runtime: a device that nnabla does not run on.

Every operation of a search space is exported as an ONNX file of its own and timed by ONNX Runtime
on one thread. What calling it costs, measured with an operation that does nothing, is taken off.
For another device replace `session_runner`: the table is the same.

    ./run.sh --extra onnx python examples/onnxruntime_latencies.py -f CONFIG.json -o TABLE.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nnabla as nn
import numpy as np
import onnx
import onnxruntime
from nnabla.utils.save import save

from nnabla_nas import random
from nnabla_nas.config import read_experiment
from nnabla_nas.config.completion import build_network, complete
from nnabla_nas.device.quiet import quiet_nnabla, silence
from nnabla_nas.errors import InputError, NasError
from nnabla_nas.estimator import LatencyTable
from nnabla_nas.estimator.decomposition import functions_of
from nnabla_nas.estimator.latency_file import Latency, key_of, latencies_to_json
from nnabla_nas.estimator.measurable_network import covering_networks
from nnabla_nas.estimator.stopwatch import latency_of
from nnabla_nas.export.onnx import convert_nnp


def main(argv: Sequence[str]) -> int:
    """Write the table.

    Args:
        argv: the command line's arguments.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-f", "--config-file", required=True, help="the experiment's JSON file")
    parser.add_argument("-o", "--output", required=True, help="the table to write")
    parser.add_argument("-x", "--set", action="append", default=[], help="as of a run")
    parser.add_argument("--n-run", type=int, default=100, help="runs of each operation")
    parser.add_argument("--n-warmup", type=int, default=10, help="runs before them")
    options = parser.parse_args(argv)
    quiet_nnabla()
    try:
        write_table(options)
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def write_table(options: argparse.Namespace) -> None:
    """Measure the operations of an experiment's search space and write the table.

    Args:
        options: the command line.
    """
    output = Path(options.output)
    if options.n_run < 1 or options.n_warmup < 0:
        raise InputError("allowed --n-run >= 1 and --n-warmup >= 0")
    if not output.parent.is_dir():
        raise InputError(f"{output}: the folder {output.parent} does not exist")
    experiment = read_experiment(options.config_file, {}, options.set)
    # The regularizer may name the table that is about to be written.
    experiment, _ = complete(experiment.model_copy(update={"regularizer": {}}))
    with random.use(random.Streams(experiment.seed)), TemporaryDirectory() as folder:
        model = build_network(experiment)
        parameters = set(model.get_parameters().values())
        networks = covering_networks(model, experiment.input_shape)
        functions = {key_of(f): f for network in networks for f in functions_of(network)}
        runners = [session_runner(do_nothing())]
        for function in functions.values():
            runners.append(session_runner(export_alone(function, parameters, Path(folder))))
        calling, *measured = measure(runners, options.n_run, options.n_warmup)
        latencies = {
            key: Latency(max(0.0, one.median - calling.median), one.spread)
            for key, one in zip(functions, measured, strict=True)
        }
        about = {
            "device": f"ONNX Runtime {onnxruntime.__version__} on the CPU, one thread",
            "n_run": options.n_run,
            "n_warmup": options.n_warmup,
            "calling_ms": calling.median,
        }
        text = json.dumps(latencies_to_json(latencies, about), indent=2)
        output.write_text(text + "\n", encoding="utf-8")
        # What LatencyTable does not accept is found out now, not by the search.
        LatencyTable(str(output)).cost_table(model, experiment.input_shape)
    print(f"{output}: {len(latencies)} operations measured")


def export_alone(function: Any, parameters: set[Any], folder: Path) -> Any:
    """Return an ONNX model that holds one operation.

    Args:
        function: nnabla's function, part of a network for one image.
        parameters: those of the network: they are kept in the model, the other inputs left open.
        folder: for files that are needed on the way.
    """
    generator = np.random.default_rng(0)
    # Positive, as a variance must be.
    inputs = [
        nn.Variable.from_numpy_array(generator.uniform(0.5, 1.5, v.shape)) for v in function.inputs
    ]
    pairs = list(zip(function.inputs, inputs, strict=True))
    data = {f"x{number}": new for number, (old, new) in enumerate(pairs) if old not in parameters}
    network = {"name": "network", "batch_size": 1, "outputs": {"y": function(*inputs)}}
    names = list(data)
    contents = {
        "networks": [{**network, "names": data}],
        "executors": [{"name": "run", "network": "network", "data": names, "output": ["y"]}],
    }
    path = folder / "operation.nnp"
    with nn.parameter_scope("", {}), silence():
        for number, (old, new) in enumerate(pairs):
            if old in parameters:
                nn.parameter.set_parameter(f"p{number}", new)
        save(str(path), contents)
    try:
        return convert_nnp(path, 1)
    except NasError as error:
        raise NasError(f"{function.info.type_name}: {error}") from error


def do_nothing() -> Any:
    """Return an ONNX model that hands its input on."""
    x, y = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1]) for name in "xy"
    )
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "nothing", [x], [y])
    opset = onnx.helper.make_opsetid("", 13)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)


def session_runner(model: Any) -> Callable[[], object]:
    """Return what runs a model once.

    Args:
        model: the ONNX model.
    """
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    generator = np.random.default_rng(0)
    feeds = {
        one.name: generator.uniform(0.5, 1.5, one.shape).astype(np.float32)
        for one in session.get_inputs()
    }
    return lambda: session.run(None, feeds)


def measure(runners: Sequence[Callable[[], object]], n_run: int, n_warmup: int) -> list[Latency]:
    """Return the latency of each of several things to run, which take turns.

    Args:
        runners: do once what is measured.
        n_run: runs of each that count.
        n_warmup: runs before them.
    """
    times: list[list[float]] = [[] for _ in runners]
    for number in range(n_warmup + n_run):
        for run, row in zip(runners, times, strict=True):
            start = time.perf_counter()
            run()
            if number >= n_warmup:
                row.append((time.perf_counter() - start) * 1000)
    return [latency_of(row) for row in times]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
