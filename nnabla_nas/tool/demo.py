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
from nnabla_nas.tool.parser import ToolParser
from nnabla_nas.tool.study import run_study

_FILE = Path(nnabla_nas.__file__).resolve().parents[1] / "examples" / "demo" / "study.json"


def main(argv: Sequence[str]) -> int:
    """Run the demo, or go on with it.

    Args:
        argv: the arguments behind `demo`.

    Returns:
        The exit code.

    Raises:
        InputError: if the arguments are wrong or the output folder holds another demo.
        NasError: if one of the runs failed.
    """
    parser = ToolParser(
        "demo",
        "Search, retrain and compare a small network on embedded data.",
        "Stopped, it goes on by the same command.",
    )
    parser.add_argument("-o", "--output-path", default="log/demo", help="default: log/demo")
    parser.add_argument("--seed", type=int, default=0, help="seed of search and training")
    arguments = parser.parse(argv)
    if not _FILE.is_file():
        raise InputError(f"{_FILE}: not found; the demo runs from a checkout of the project")
    run_study(_FILE, arguments.output_path, flags={"seeds": [arguments.seed]})
    print(where_to_look(Path(arguments.output_path), arguments.seed))
    return 0


def where_to_look(output: Path, seed: int) -> str:
    """Return lines that say what to open next.

    Args:
        output: the demo's folder.
        seed: the seed of search and training.
    """
    search, found = (RunFolder(output / name / f"seed-{seed}") for name in ("search", "found"))
    return (
        "\nthe architecture found:\n"
        f"  {search.arch_png}\n"
        "curves of all runs:\n"
        f"  ./run.sh --extra view tensorboard --logdir {shlex.quote(str(output))}\n"
        "every number:\n"
        f"  {search.trajectory}\n"
        f"  {found.result}"
    )
