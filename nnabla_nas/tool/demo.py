"""Search, retrain and compare a small MobileNet on the digits that scikit-learn contains.

The found architecture stands against the MobileNetV2 reference and three random architectures of
the same space, all trained by one recipe. What comes out is printed, whatever it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import nnabla_nas
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.errors import InputError
from nnabla_nas.tool.comparison import comparison
from nnabla_nas.tool.job import Job, run_jobs
from nnabla_nas.tool.parser import ToolParser

_ROOT = Path(nnabla_nas.__file__).resolve().parent.parent
_RANDOM_SEEDS = (1, 2, 3)


def main(argv: Sequence[str]) -> int:
    """Run the demo.

    Args:
        argv: the arguments behind `demo`.

    Returns:
        The exit code.

    Raises:
        InputError: if the arguments are wrong or the output folder holds a demo already.
        NasError: if one of the runs failed.
    """
    parser = ToolParser("demo", "Search, retrain and compare a small network on embedded data.")
    parser.add_argument("-o", "--output-path", default="log/demo", help="default: log/demo")
    parser.add_argument("--seed", type=int, default=0, help="seed of search and training")
    arguments = parser.parse(argv)
    output = Path(arguments.output_path)
    jobs = demo_jobs(output, arguments.seed)
    for job in jobs:
        RunFolder(job.folder).check()
    run_jobs(jobs, n_at_once=2, directory=_ROOT)
    print(comparison([job.folder for job in jobs[1:]]))
    print(where_to_look(output))
    return 0


def demo_jobs(output: Path, seed: int) -> list[Job]:
    """Return the runs of the demo, the search first.

    Args:
        output: the folder for all of them.
        seed: the seed of search and training.
    """
    examples = _ROOT / "examples" / "demo"
    if not examples.is_dir():
        raise InputError(f"{examples}: not found; the demo runs from a checkout of the project")
    output = output.absolute()

    def job(name: str, file: str, *more: str, after: str | None = None, seed: int = seed) -> Job:
        flags = ("-f", str(examples / file), "-o", str(output / name), "--seed", str(seed))
        return Job(name, output / name, (*flags, *more), after)

    genotype = f"network.genotype={output / 'search' / 'arch.h5'}"
    reference = ("-x", 'network.candidates=["MB6 3x3"]', "-x", "network.skip_connect=false")
    return [
        job("search", "search.json"),
        job("train", "train.json", "-x", genotype, after="search"),
        job("reference", "train.json", *reference),
        *(job(f"random-{n}", "train.json", seed=seed + n) for n in _RANDOM_SEEDS),
    ]


def where_to_look(output: Path) -> str:
    """Return lines that say what to open next.

    Args:
        output: the demo's folder.
    """
    folder = shlex.quote(str(output))
    return (
        f"\nthe architecture found: {output / 'search' / 'arch.png'}\n"
        f"curves of all runs:     ./run.sh --extra view tensorboard --logdir {folder}\n"
        f"every number:           {output / 'search' / 'trajectory.csv'}, "
        f"{output / 'train' / 'result.json'}"
    )
