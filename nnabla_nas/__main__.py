"""`python -m nnabla_nas` is `python main.py`."""

from __future__ import annotations

import sys

from nnabla_nas.cli import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m nnabla_nas"))
