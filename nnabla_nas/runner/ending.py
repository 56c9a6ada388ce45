"""The lines that a run ends with: what it achieved, at what cost, and how to go on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from nnabla_nas.artifact.command import typed, typed_again
from nnabla_nas.artifact.progress import Progress
from nnabla_nas.artifact.result import Result
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.runner.evaluation import in_words
from nnabla_nas.runner.expected_end import duration


def ending(result: Result, folder: RunFolder) -> str:
    """Return the block of a run that came to its result.

    Args:
        result: what result.json says.
        folder: the output folder.
    """
    names = {"test": "test", "validation": "valid"}
    measured = [(name, result.metrics.get(part)) for name, part in names.items()]
    rows = [(name, in_words(metrics)) for name, metrics in measured if metrics]
    if result.status == "finished":
        rows.append(("weights", _weights(result)))
    rows.append(("parameters", f"{result.parameters:,}"))
    uncounted = f"; not counted: {', '.join(result.uncounted)}" if result.uncounted else ""
    rows.append(("multiply-adds", f"{result.multiply_adds:,} per example{uncounted}"))
    rows += [(f"bound {key}", bound_in_words(one)) for key, one in result.constraints.items()]
    device = f"{duration(result.device_seconds)} of it on the device"
    rows.append(("time", f"{duration(result.wall_clock_seconds)}, {device}"))
    rows.append(("files", str(folder.path)))
    if result.status == "finished":
        rows.append(("next", _next(result, folder)))
    done = f"{counted(result.epochs, 'epoch')}, {counted(result.updates, 'update')}"
    head = f"{result.status} after {done}"
    return _block(f"{head}: {result.stopped}" if result.stopped else head, rows)


def early_ending(status: str, progress: Progress, folder: RunFolder) -> str:
    """Return the block of a run that ended before its result.

    Args:
        status: `interrupted`, or `failed`.
        progress: how far it has come.
        folder: the output folder.
    """
    command = typed_again("--resume", otherwise=["-f", str(folder.config), "-o", str(folder.path)])
    rows = [
        ("time", duration(progress.seconds)),
        ("files", str(folder.path)),
        ("next", command),
    ]
    return _block(f"{status} after {counted(progress.step, 'update')}", rows)


def bound_in_words(constraint: Mapping[str, Any]) -> str:
    """Return what an architecture costs, its bound, and whether that is met.

    Args:
        constraint: what result.json says of it.
    """
    unit, measured = constraint["unit"], constraint.get("measured")
    value = f"{constraint['estimator']} {constraint['value']:,.6g} {unit}"
    if measured is not None:
        value += f", {measured['whole_median_ms']:,.4g} ms measured whole"
    kind = "hard" if constraint["hard"] else "soft"
    verdict = "met" if constraint["met"] else f"missed by {constraint['missed_by']:.2%}"
    return f"{value}; {kind} bound {constraint['bound']:,.6g} {unit}: {verdict}"


def counted(n: int, word: str) -> str:
    """Return a number of things.

    Args:
        n: how many.
        word: what one of them is called.
    """
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def _weights(result: Result) -> str:
    if result.judged is not None:
        return "those that the architecture found was judged with"
    if result.search:
        return "those of the super-network at the end"
    if not result.epochs:
        return "as they were before the first update"
    epoch = f"of epoch {result.weights_epoch}"
    if result.metrics.get("valid"):
        return f"{epoch}, the one with the lowest validation error"
    return f"{epoch}, the last: no validation images chose one"


def _next(result: Result, folder: RunFolder) -> str:
    if result.retrain is None:
        return typed(["evaluate", str(folder.path)])
    return typed(shlex.split(result.retrain)[2:])


def _block(head: str, rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join([head, *(f"  {name:<{width}}  {text}" for name, text in rows)])
