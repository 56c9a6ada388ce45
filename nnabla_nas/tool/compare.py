"""Compare finished runs, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nnabla_nas.tool.parser import ToolParser


def main(argv: Sequence[str]) -> int:
    """Print what some runs say, and write it if told where.

    Args:
        argv: the arguments behind `compare`.

    Returns:
        The exit code.

    Raises:
        InputError: if the arguments are wrong or there are no runs.
        NasError: if a file cannot be written.
    """
    parser = ToolParser(
        "compare",
        "Compare runs; those that differ in nothing but the seed are a group.",
        "Below five repetitions nothing is tested, since nothing would follow from it.",
    )
    add = parser.add_argument
    add("folders", metavar="FOLDER", nargs="+", help="runs, studies, or folders of either")
    add(
        "-o",
        "--output-path",
        metavar="DIR",
        help="also write compare.csv, compare.json and report.html there",
    )
    add("--against", metavar="NAME", help="the group that the others are compared with")
    add("--value", metavar="NAME", help="a number of result.json, less being better (test.error)")
    add("--by", metavar="KEY", default="seed", help="the setting that repetitions differ in (seed)")
    arguments = parser.parse(argv)
    # Only here: --help answers without what computes.
    from nnabla_nas.artifact.monitor import Monitor
    from nnabla_nas.report import compare

    comparison = compare(
        [Path(folder) for folder in arguments.folders],
        value=arguments.value,
        against=arguments.against,
        by=arguments.by,
    )
    console = Monitor()
    console.info(comparison.text())
    if arguments.output_path is not None:
        written = comparison.write(Path(arguments.output_path))
        console.info(f"\nwritten: {', '.join(map(str, written))}")
    return 0
