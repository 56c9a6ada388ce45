"""Translate an experiment of nnabla-nas 0.9 or later."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnabla_nas.artifact.writing import writing
from nnabla_nas.config.dialects import (
    Translation,
    is_later_dialect,
    is_yaml,
    read_yaml,
    translate,
)
from nnabla_nas.config.faults import Sources, shown
from nnabla_nas.config.json_text import parse, read_file
from nnabla_nas.config.validation import validate
from nnabla_nas.errors import InputError, printable
from nnabla_nas.tool.parser import ToolParser

_EPILOG = """\
The new file goes to standard output unless -o names one; what was dropped, changed or filled in,
and why, goes to standard error. A file of YAML is put together with what its `defaults` list.
"""


def main(argv: Sequence[str]) -> int:
    """Write a file of another dialect as an experiment.

    Args:
        argv: the arguments behind `convert`.

    Returns:
        The exit code.

    Raises:
        InputError: if the file cannot be read or has no counterpart here.
        NasError: if the new one cannot be written.
    """
    parser = ToolParser(
        "convert", "Translate an experiment of nnabla-nas 0.9 or later into one of these.", _EPILOG
    )
    add = parser.add_argument
    add("file", metavar="FILE", help="a JSON or YAML file, or the config.json that a run left")
    add("-o", "--output", metavar="NEW.json", help="the file to write; it must not exist yet")
    add("-a", "--algorithm", metavar="NAME", help="the runner, where the file names none")
    add("--config-dir", metavar="DIR", help="the folder of all YAML files (default: by the name)")
    arguments = parser.parse(argv)
    file, output = printable(arguments.file), arguments.output
    if output is not None and Path(output).exists():
        raise InputError(f"{printable(output)}: exists already; name a new file with -o")
    notes: list[str] = []
    values = _read(arguments.file, arguments.config_dir, notes)
    translation = _translated(file, values, arguments.algorithm)
    _, faults = validate(dict(translation.experiment))
    Sources(f"{file}, translated").check(faults)
    text = json.dumps(translation.experiment, indent=2) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        with writing(Path(output)):
            Path(output).write_text(text, encoding="utf-8")
    check = f"check it by: python main.py -f {output or 'NEW.json'} --dry-run"
    for note in (*notes, *translation.notes, check):
        print(f"# {printable(note)}", file=sys.stderr)
    return 0


def _read(path: str, config_dir: str | None, notes: list[str]) -> dict[str, Any]:
    if is_yaml(path):
        return read_yaml(path, config_dir, notes)
    file = printable(path)
    try:
        values, faults = parse(read_file(path))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{file}: {place}: not valid JSON: {error.msg}") from error
    Sources(file).check(faults)
    if not isinstance(values, dict):
        raise InputError(f"{file}: got {shown(values)}; allowed an experiment")
    return values


def _translated(file: str, values: dict[str, Any], algorithm: str | None) -> Translation:
    if not is_later_dialect(values) and not is_yaml(file):
        return Translation(values, ["nothing to translate: python main.py -f takes it as it is"])
    try:
        return translate(values, algorithm)
    except InputError as error:
        raise InputError([f"{file}: {fault}" for fault in error.faults]) from error
