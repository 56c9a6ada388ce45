"""Docstrings are plain text with code in single backticks: a star in them is a star."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_STAR = re.compile(r"(?<![\w\\*`])\*(?=\w)")


def _keep_stars(
    app: Sphinx, what: str, name: str, target: Any, options: Any, lines: list[str]
) -> None:
    for index, line in enumerate(lines):
        pieces = line.split("`")
        pieces[::2] = [_STAR.sub(r"\\*", piece) for piece in pieces[::2]]
        lines[index] = "`".join(pieces)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hook.

    Args:
        app: the application.
    """
    app.connect("autodoc-process-docstring", _keep_stars)
    return {"parallel_read_safe": True}
