"""Commands as they are to be typed where this process was started."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

# run.sh names itself here: what it starts cannot see how it was called.
_LAUNCHER = "NNABLA_NAS_LAUNCHER"


def typed(arguments: Sequence[str]) -> str:
    """Return the shell command that starts this program with other arguments.

    Args:
        arguments: what stands behind the program's name.
    """
    launcher = os.environ.get(_LAUNCHER)
    program = _program() or ["python", "main.py"]
    return shlex.join([*([launcher] if launcher else []), *program, *arguments])


def typed_again(*more: str, otherwise: Sequence[str]) -> str:
    """Return the shell command that started this process, with more arguments.

    Args:
        more: the arguments to add, those that were given already apart.
        otherwise: all arguments, where this process was not started by the program's own name.
    """
    if _program() is None:
        return typed([*otherwise, *more])
    given = sys.argv[1:]
    return typed([*given, *(one for one in more if one not in given)])


def _program() -> list[str] | None:
    """Return the words before the arguments, or None where another program calls this package."""
    path = Path(sys.argv[0])
    ours = path.name in ("main.py", "nnabla-nas") or path.parts[-2:] == ("nnabla_nas", path.name)
    return sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1] if ours else None
