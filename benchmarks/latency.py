"""What sums of measured operations are worth against whole networks measured end to end.

Random architectures of a search space are measured whole, in turn with all its operations, which
are timed inside other networks. The offset is fitted on ten further architectures.

    ./run.sh python benchmarks/latency.py

Half a minute on one core.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time

from nnabla_nas import random
from nnabla_nas.config import read_experiment
from nnabla_nas.config.completion import build_network, complete
from nnabla_nas.device.quiet import quiet_nnabla
from nnabla_nas.estimator import LatencyEstimator
from nnabla_nas.estimator.table_error import table_error

TARGET_RANK, TARGET_ERROR = 0.95, 0.10
DEFAULT = "examples/small/mobilenet_cifar10_search.json"


def run() -> None:
    """Measure, and print each architecture and the summary."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-f", "--config-file", default=DEFAULT, help=f"default: {DEFAULT}")
    parser.add_argument("-c", "--context", default="cpu", help="auto, cudnn, cuda, cpu (default)")
    parser.add_argument("--architectures", type=int, default=30, help="how many are compared")
    parser.add_argument("--fitted", type=int, default=10, help="how many fit the offset")
    parser.add_argument("--n-run", type=int, default=100, help="runs of each network")
    parser.add_argument("--seed", type=int, default=0, help="of the architectures")
    options = parser.parse_args()
    quiet_nnabla()
    experiment = read_experiment(options.config_file)
    experiment, _ = complete(experiment.model_copy(update={"regularizer": {}}))
    assert experiment.input_shape is not None
    began = time.perf_counter()
    estimator = LatencyEstimator(options.context, options.n_run)
    with random.use(random.Streams(experiment.seed)):
        pairs = estimator.compare(
            build_network(experiment),
            experiment.input_shape,
            options.fitted + options.architectures,
            options.seed,
        )
    error = table_error(pairs, options.fitted)
    print("| sum, ms | sum and offset, ms | whole network, ms | error |")
    print("|---|---|---|---|")
    for total, whole in error.held_out:
        shifted = total + error.offset
        print(f"| {total:.3f} | {shifted:.3f} | {whole:.3f} | {shifted / whole - 1:+.1%} |")
    print(error)
    reached = (error.rank_correlation or 0) >= TARGET_RANK and error.median_error <= TARGET_ERROR
    print(
        f"target (rank correlation {TARGET_RANK}, median error {TARGET_ERROR:.0%}): "
        f"{'reached' if reached else 'missed'}; {len(estimator.latencies)} operations, "
        f"{time.perf_counter() - began:.0f} s"
    )
    print(f"./run.sh python {shlex.join(sys.argv)}")


if __name__ == "__main__":
    run()
