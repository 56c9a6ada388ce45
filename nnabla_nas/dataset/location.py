"""Where data sets are looked for on this machine."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "NNABLA_NAS_DATA"


def data_folder() -> Path:
    """Return the folder in which data sets are looked for and to which they are downloaded.

    Returns:
        `$NNABLA_NAS_DATA`, else `nnabla_nas` in the user's cache folder; it need not exist.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "nnabla_nas"
