"""How Sphinx builds these pages: `./run.sh --extra docs sphinx-build -W docs docs/_build`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "nnabla_nas"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docstrings",
    "drawings",
    "mathml",
    "packages",
    "tables",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_math_renderer = "mathml"
html_title = "nnabla_nas"
html_show_copyright = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Docstrings are written with single backticks for code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_ivar = True
