"""Reading an experiment: the JSON file, then `--set`, then the flags; imports no nnabla."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from nnabla_nas.config.command_values import apply_command_line
from nnabla_nas.config.dialects import is_later_dialect, is_yaml
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.faults import Fault, Sources, got
from nnabla_nas.config.json_text import parse, read_file
from nnabla_nas.config.validation import validate
from nnabla_nas.errors import InputError, printable

# Written into config.json for people; what it says is found out anew by every run.
_IGNORED = "environment"


def read_experiment(
    path: str, flags: Mapping[str, Any] | None = None, overrides: Sequence[str] = ()
) -> Experiment:
    """Read and check an experiment as far as that goes without importing what it names.

    Args:
        path: the JSON file.
        flags: the value of each command-line flag that was given, by the key it stands for.
        overrides: `KEY=VALUE` texts of `--set`, weaker than the flags.

    Returns:
        The experiment; `complete` does the rest of the checking.

    Raises:
        InputError: with one line per fault, all faults together.
    """
    file = printable(path)
    values, faults = read_object(path, file)
    if is_later_dialect(values):
        raise _to_be_translated(path, file)
    given, wrong = apply_command_line(values, flags or {}, overrides)
    faults += wrong
    values.pop(_IGNORED, None)
    experiment, wrong = validate(values)
    sources = Sources(file, given)
    sources.check(fault for fault in (*faults, *wrong) if fault.path[:1] != (_IGNORED,))
    assert experiment is not None
    return experiment.with_sources(sources)


def read_object(path: str, file: str) -> tuple[dict[str, Any], list[Fault]]:
    """Return the object in a JSON file, and the faults of its content.

    Args:
        path: the file.
        file: how messages call it.

    Raises:
        InputError: if it cannot be read or holds no object.
    """
    text = read_file(path)
    try:
        values, faults = parse(text)
    except json.JSONDecodeError as error:
        if is_yaml(path):
            raise _to_be_translated(path, file) from error
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{file}: {place}: not valid JSON: {error.msg}") from error
    if not isinstance(values, dict):
        wrong = got(values, "an object with the experiment's keys")
        raise InputError(Sources(file).lines(faults or [Fault((), wrong)]))
    return values, faults


def _to_be_translated(path: str, file: str) -> InputError:
    command = printable(f"python -m nnabla_nas convert {shlex.quote(path)} -o NEW.json")
    return InputError(
        f"{file}: this is a file of nnabla-nas 0.9 or later; translate it by: {command}"
    )
