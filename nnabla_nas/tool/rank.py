"""Tell how well a super-network's weights rank architectures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nnabla_nas.errors import InputError
from nnabla_nas.tool.parser import ToolParser

if TYPE_CHECKING:
    from nnabla_nas.runner.ranking import Agreement

_ARCHITECTURES = 100
_EPILOG = """\
Architectures are drawn uniformly. Their errors with the super-network's weights are compared with
their true ones: with those of a table (NAS-Bench-Macro's form, or a search's candidates.csv), or of
trainings from scratch. The rank correlations stand beside those of multiply-adds alone: weights
that do not beat them are of no use. In brackets 95 % bootstrap intervals.
"""


def main(argv: Sequence[str]) -> int:
    """Print rank correlations between judged and true errors.

    Args:
        argv: the arguments behind `rank`.

    Returns:
        The exit code.

    Raises:
        InputError: if the folder holds no super-network, or the table is not of its space.
    """
    parser = ToolParser(
        "rank", "Compare the errors that a super-network's weights predict with true ones.", _EPILOG
    )
    add = parser.add_argument
    add("folder", metavar="RUN_FOLDER", help="the output folder of the super-network's run")
    add("--truth", metavar="TABLE", help="a table of true errors")
    add("--train", type=int, metavar="N", help="train N architectures from scratch instead")
    add("--epoch", type=int, metavar="N", help="epochs of each (default: the super-network's)")
    add(
        "--architectures",
        type=int,
        metavar="N",
        default=_ARCHITECTURES,
        help=f"most architectures of the table to judge (default: {_ARCHITECTURES})",
    )
    add(
        "--recalibrate",
        type=int,
        metavar="N",
        default=20,
        help="training batches that batch-norm statistics are recomputed on (default: 20)",
    )
    parser.add_context()
    given = parser.parse(argv)
    if (given.truth is None) == (given.train is None):
        raise InputError(f"{parser.prog}: give one of --truth TABLE and --train N")
    n = given.architectures if given.train is None else given.train
    if min(n, 1 if given.epoch is None else given.epoch, given.recalibrate) < 1:
        raise InputError(
            f"{parser.prog}: allowed --train, --architectures, --epoch and --recalibrate >= 1"
        )
    # Only here: --help answers without nnabla, and nnabla is quiet from its first word on.
    from nnabla_nas.device.quiet import quiet_nnabla

    quiet_nnabla()
    from nnabla_nas.runner.ranking import rank

    found = rank(given.folder, given.truth, n, given.epoch, given.recalibrate, given.context, print)
    print("\n".join(_table(found)))
    return 0


def _table(found: Sequence[Agreement]) -> list[str]:
    correlations = "Kendall's τ | Spearman's ρ"  # noqa: RUF001 - the letter of the statistic
    heading = ("judged by", correlations, "in the top 10 %", "over the true error")
    lines = [f"| {' | '.join(heading)} |", "|---|---|---|---|---|"]
    for one in found:
        gap = "" if one.gap is None else f"{100 * one.gap:+.2f} points"
        lines.append(
            f"| {one.judge} | {_interval(one.kendall)} | {_interval(one.spearman)} | "
            f"{one.precision:.0%} | {gap} |"
        )
    return lines


def _interval(values: tuple[float, float, float]) -> str:
    value, low, high = values
    return f"{value:.2f} ({low:.2f} to {high:.2f})"
