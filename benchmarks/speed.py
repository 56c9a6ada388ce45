"""Measure what an update costs: seconds, memory, and the share of the machine's arithmetic.

    ./run.sh python benchmarks/speed.py
    ./run.sh python benchmarks/speed.py --against torch --torch-python /path/to/python

Every kind of update is that of an experiment in examples/, run by its own runner on generated
images, in a process of its own. PyTorch's networks are written from the papers, have the same
shapes and parameters, and take turns with ours; the ratio is the median of those of the pairs.
Multiply-adds are those an update cannot do without: forward, gradients of activations, and
gradients of the weights where weights are learned.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from steps import report
from steps.machine import description, measured_peak
from steps.measurement import TORCH_FORMATS, Settings, measure
from steps.start import start_table
from steps.workload import WORKLOADS, Workload, scaling


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark.

    Args:
        arguments: of the command line; by default those of the process.
    """
    options = parser().parse_args(arguments)
    workloads = chosen(options.only, scaling() if options.scaling else WORKLOADS)
    if (options.against is None) != (options.torch_python is None):
        raise SystemExit("--against torch and --torch-python PATH belong together")
    words = sys.argv[1:] if arguments is None else arguments
    print(f"`{shlex.join(['python', 'benchmarks/speed.py', *words])}`\n")
    print(f"{description()}\n", flush=True)
    if options.start:
        print(start_table(options.repeats))
        return 0
    peaks = {n: measured_peak(sys.executable, n) for n in options.threads}
    for n, peak in peaks.items():
        print(f"sgemm of side 2048 by numpy, threads: {n}: {2 * peak / 1e9:.0f} GFLOP/s\n")
    print(report.header(options.torch_python is not None), flush=True)
    for workload in workloads:
        for threads in options.threads:
            settings = Settings(
                options.repeats,
                options.steps,
                threads,
                options.memory_after,
                options.torch_python,
                options.torch_format,
            )
            print(report.line(measure(workload, settings), peaks), flush=True)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the reader of the command line."""
    reader = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = ", ".join(workload.name for workload in WORKLOADS)
    reader.add_argument("--only", nargs="+", metavar="NAME", help=f"some of {names}")
    reader.add_argument("--repeats", type=positive, default=5, help="measurements of each")
    reader.add_argument("--steps", type=positive, default=1, help="updates in a measurement")
    reader.add_argument("--threads", type=positive, nargs="+", default=[1], help="one or more")
    reader.add_argument("--against", choices=["torch"], help="also measure PyTorch")
    reader.add_argument("--torch-python", metavar="PATH", help="an interpreter that has PyTorch")
    reader.add_argument(
        "--torch-format", choices=TORCH_FORMATS, help="of its memory (default: the faster one)"
    )
    reader.add_argument(
        "--memory-after", type=positive, default=1, metavar="N", help="read memory after N updates"
    )
    reader.add_argument("--scaling", action="store_true", help="over batch, cells and candidates")
    reader.add_argument("--start", action="store_true", help="measure how long it takes to start")
    return reader


def positive(text: str) -> int:
    """Return a number of the command line.

    Args:
        text: what was given.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got '{text}'; allowed: 1 or more")
    return int(text)


def chosen(names: Sequence[str] | None, workloads: Sequence[Workload]) -> list[Workload]:
    """Return the workloads of some names, in the order of the names.

    Args:
        names: their names; None for all.
        workloads: those there are.

    Raises:
        SystemExit: if there is none of a name.
    """
    by_name = {workload.name: workload for workload in workloads}
    unknown = [name for name in names or () if name not in by_name]
    if unknown:
        raise SystemExit(f"--only: unknown '{unknown[0]}'; allowed: {', '.join(by_name)}")
    return [by_name[name] for name in names or by_name]


if __name__ == "__main__":
    sys.exit(main())
