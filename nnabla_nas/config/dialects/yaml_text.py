"""YAML text from outside, read with limits."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from nnabla_nas.config.faults import shown
from nnabla_nas.config.json_text import DEEPEST_NESTING, parse
from nnabla_nas.errors import InputError

_MOST_NODES = 10_000
_LARGEST_TEXT = 200_000
# YAML 1.1 takes 3e-4 for a text, everybody who writes it for a number.
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


def read_text(text: str, source: str) -> Any:
    """Return what YAML text holds: what JSON could hold too, and nothing else.

    Args:
        text: the text.
        source: where it came from, for messages.

    Raises:
        InputError: if it is no YAML, has a key twice, is too large or too deep, or holds something
            else, such as a date.
    """
    if len(text) > _LARGEST_TEXT:
        raise InputError(f"{source}: larger than {_LARGEST_TEXT:,} characters; no experiment is")
    try:
        fault = _fault(yaml.compose(text, Loader=yaml.SafeLoader))
        if fault is not None:
            raise InputError(f"{source}: {fault}")
        value = _with_numbers(yaml.safe_load(text))
        value, faults = parse(json.dumps(value))
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{source}: not valid YAML: {_in_one_line(error)}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{source}: {_in_one_line(error)}; allowed what JSON can hold") from error
    if faults:
        raise InputError([f"{source}: {fault.text}" for fault in faults])
    return value


def _fault(root: Any) -> str | None:
    """Return what is wrong with parsed YAML before values are made of it, or None."""
    waiting = [(root, 0)]
    n_nodes = 0
    while waiting:
        node, depth = waiting.pop()
        n_nodes += 1
        if n_nodes > _MOST_NODES or depth > DEEPEST_NESTING:
            return f"allowed at most {_MOST_NODES:,} values, {DEEPEST_NESTING} levels deep"
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = next((key for key in keys if keys.count(key) > 1), None)
            if twice is not None:
                return f"{shown(twice)} is given twice; allowed once"
            waiting += [(value, depth + 1) for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, depth + 1) for item in node.value]
    return None


def _with_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or "nested too deeply"
