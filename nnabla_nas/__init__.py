"""Neural architecture search for nnabla."""

import sys

__version__ = "0.1.0"

# This much is written for any Python, so that the wrong one gets a message and not a syntax error.
if sys.version_info[:2] != (3, 10):
    raise ImportError(
        "nnabla_nas needs Python 3.10, this is "
        + ".".join(str(number) for number in sys.version_info[:2])
        + ": nnabla 1.39.0 has no wheel for newer ones, and all is pinned for it; "
        + "`./run.sh python main.py ...` brings the right one"
    )

from importlib.metadata import PackageNotFoundError, distribution

try:
    distribution("nnabla-nas")
except PackageNotFoundError:
    pass
else:
    raise ImportError(
        "another package, nnabla-nas, is installed here under the import name nnabla_nas; "
        "run `pip uninstall nnabla-nas`, or use `./run.sh python main.py ...`"
    )
