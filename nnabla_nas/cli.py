"""The command line: flags, sub-commands, exit codes, and the way from a file to a run."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NoReturn

from nnabla_nas import __version__
from nnabla_nas.errors import InputError, NasError, printable
from nnabla_nas.registry import did_you_mean
from nnabla_nas.streams import ended_by_interrupt, flush_output, open_streams

TOOLS = {
    "compare": "nnabla_nas.tool.compare",
    "convert": "nnabla_nas.tool.convert",
    "demo": "nnabla_nas.tool.demo",
    "evaluate": "nnabla_nas.tool.evaluate",
    "export": "nnabla_nas.tool.export",
    "info": "nnabla_nas.tool.info",
    "list": "nnabla_nas.tool.list",
    "predict": "nnabla_nas.tool.predict",
    "profile": "nnabla_nas.tool.profile",
    "rank": "nnabla_nas.tool.rank",
    "study": "nnabla_nas.tool.study",
}
_SUMMARIES = {
    "compare": "mean, interval and test of runs over seeds, on the console and as files",
    "convert": "translate an experiment of nnabla-nas 0.9 or later into one of these",
    "demo": "search, retrain and compare a small network on embedded data",
    "evaluate": "loss and error of the network that a training has left",
    "export": "the network that a training has left, as an nnp or ONNX file",
    "info": "versions, the device a run would take and why, and where data is looked for",
    "profile": "measure every operation of a search space on this machine, for LatencyTable",
    "list": "every search space, algorithm, data set, estimator, solver and scheduler",
    "rank": "how well a super-network's weights rank architectures",
    "predict": "classes of picture files, by the network that a training has left",
    "study": "experiments with many seeds, several at a time, and their comparison",
}
_NOT_KEYS = ("config_file", "set", "dry_run", "no_visualize", "resume", "save_nnp")
# What works in this process alone, and leaves nothing behind when it is ended.
_ALONE = ("convert", "evaluate", "export", "info", "list", "predict", "profile", "rank")
_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def build_parser(prog: str = "nnabla-nas") -> argparse.ArgumentParser:
    """Return the parser of a run's flags; a flag that is not given leaves no attribute.

    Args:
        prog: how the program is called.
    """
    tools = "\n".join(f"  {name:<10}{_SUMMARIES[name]}" for name in TOOLS)
    parser = _Parser(
        prog=prog,
        description="Search for, or train, a neural network as an experiment's JSON file says.",
        epilog=f"tools, each with its own --help:\n{tools}\n\n"
        "A flag wins over the file only when it is given.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("-f", "--config-file", metavar="PATH", help="the experiment's JSON file (required)")
    add("-a", "--algorithm", metavar="NAME", help="a searcher or trainer, by name")
    add(
        "-s",
        "--search",
        action=argparse.BooleanOptionalAction,
        help="build the search network, or the one to train (default: as the algorithm needs)",
    )
    add("-o", "--output-path", metavar="DIR", help="folder for all output (default: log)")
    add("-c", "--context", metavar="NAME", help="auto, cudnn, cuda or cpu (default: auto)")
    add("-d", "--device-id", metavar="IDS", help="GPUs, such as 0 or 0,1; -1: all (default)")
    add("-t", "--type-config", metavar="NAME", help="float (default); on a GPU half, mixed_half")
    add("--seed", type=int, metavar="N", help="one seed for everything random (default: 0)")
    add("--threads", type=int, metavar="N", help="threads on the CPU (default: all its cores)")
    add(
        "-x",
        "--set",
        action="append",
        metavar="KEY=VALUE",
        help="override one value of the file, such as optimizer.train.solver.lr=0.05; repeatable",
    )
    add("--resume", action="store_true", help="go on from the newest good checkpoint in -o")
    add("--dry-run", action="store_true", help="check, build and summarize; write nothing")
    add("--save-nnp", action="store_true", help="also write the trained network as network.nnp")
    add("--no-visualize", action="store_true", help="draw no picture of the architecture")
    add("--version", action="version", version=f"nnabla_nas {__version__}")
    return parser


def main(argv: Sequence[str] | None = None, prog: str = "nnabla-nas") -> int:
    """Run what the command line asks for.

    Args:
        argv: the arguments, by default the process's own.
        prog: how the program is called.

    Returns:
        The exit code; every error has been reported on stderr.
    """
    open_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    is_run = not (arguments and arguments[0] in TOOLS)
    # The other tools have processes of their own to end.
    ends_at_once = is_run or arguments[0] in _ALONE
    with ended_by_interrupt() if ends_at_once else nullcontext():
        code = _handled(arguments, prog)
        failure = flush_output()
    if failure is None or is_run or isinstance(failure, BrokenPipeError):
        return code
    return _report(f"cannot write to standard output: {failure.strerror}", NasError.exit_code)


def _handled(arguments: list[str], prog: str) -> int:
    """Run what the command line asks for; every error becomes lines on stderr and a code."""
    try:
        return _dispatch(arguments, prog)
    except NasError as error:
        return _report(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _report("interrupted before the run began", _INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has left: nothing more can be said.
        return 0
    except ModuleNotFoundError as error:
        if (error.name or "nnabla_nas").partition(".")[0] == "nnabla_nas":
            return _unexpected(error)
        line = f"the package '{error.name}' is missing; `./run.sh {prog} ...` brings it along"
        return _report(line, InputError.exit_code)
    except Exception as error:
        return _unexpected(error)


def _dispatch(argv: list[str], prog: str) -> int:
    try:
        if argv and argv[0] in TOOLS:
            code: int = importlib.import_module(TOOLS[argv[0]]).main(argv[1:])
            return code
        values = _parse(argv, prog)
    except SystemExit as leaving:
        # --help and --version have printed what was asked for.
        return int(leaving.code or 0)
    return _run(values)


def _parse(argv: list[str], prog: str) -> dict[str, Any]:
    parser = build_parser(prog)
    known, unknown = parser.parse_known_args(argv)
    flags = [flag for action in parser._actions for flag in action.option_strings]
    faults = [f"unknown argument '{one}'{_close(one, flags)}" for one in unknown]
    values = vars(known)
    if "config_file" not in values:
        faults.append("-f/--config-file is missing: name the experiment's JSON file")
    if faults:
        raise InputError(faults)
    return values


def _close(argument: str, flags: list[str]) -> str:
    return did_you_mean(argument.partition("=")[0], [*flags, *TOOLS])


def _run(values: dict[str, Any]) -> int:
    # Only here: --help and --version answer without any of this.
    from nnabla_nas.config import read_experiment
    from nnabla_nas.config.completion import complete

    flags = {key: value for key, value in values.items() if key not in _NOT_KEYS}
    experiment = read_experiment(values["config_file"], flags, values.get("set", []))

    from nnabla_nas.device.quiet import quiet_nnabla

    quiet_nnabla()
    experiment, notices = complete(experiment)

    from nnabla_nas.runner.launch import launch

    return launch(
        experiment,
        notices,
        dry_run="dry_run" in values,
        resume="resume" in values,
        visualize="no_visualize" not in values,
        save_nnp="save_nnp" in values,
    )


def _report(message: str, code: int) -> int:
    for line in message.split("\n"):
        print(f"error: {printable(line)}", file=sys.stderr)
    return code


def _unexpected(error: Exception) -> int:
    if os.environ.get("NNABLA_NAS_DEBUG"):
        traceback.print_exc()
    return _report(" ".join(f"{type(error).__name__}: {error}".split()), NasError.exit_code)
