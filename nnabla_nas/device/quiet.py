"""Keep nnabla from speaking on the console."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO


def quiet_nnabla() -> None:
    """Let nnabla log warnings only, and undo what importing it does to the root logger.

    Called before the first import of nnabla, it silences the greeting as well.
    """
    logging.getLogger("nnabla").setLevel(logging.WARNING)
    from nnabla.config import nnabla_config

    root = logging.getLogger()
    console_format = nnabla_config.get("LOG", "log_console_format")
    for handler in tuple(root.handlers):
        # The format nnabla gave it is all that tells this handler from one of the program's.
        given = getattr(handler.formatter, "_fmt", None)
        if type(handler) is logging.StreamHandler and given == console_format:
            root.removeHandler(handler)
            root.setLevel(logging.WARNING)


@contextmanager
def silence() -> Iterator[None]:
    """Drop whatever nnabla logs or prints in the block."""
    logger = logging.getLogger("nnabla")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    finally:
        logger.setLevel(level)
