"""One way for every failed write to reach the user: a line with the file and the reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnabla_nas.errors import NasError


def reason(error: OSError) -> str:
    """Return why the operating system refused, in one line.

    Args:
        error: what was raised; libraries such as h5py raise it without an error number.
    """
    return error.strerror or " ".join(str(error).split()) or type(error).__name__


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a NasError that names the file.

    Args:
        path: the file that the block writes.

    Raises:
        NasError: if the block raises an OSError (disk full, permission denied, …).
    """
    try:
        yield
    except OSError as error:
        raise NasError(f"cannot write {str(path)!r}: {reason(error)}") from error
