"""Errors a user can act on; `cli.main` turns each into lines on stderr and an exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence


def printable(text: str) -> str:
    """Return a text with everything escaped that would break, hide or colour a line.

    What files, folders and other people's names bring into a message goes through here.

    Args:
        text: any text.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


class NasError(Exception):
    """Base of every error whose message is meant for the user: the run failed after it began."""

    exit_code = 1


class InputError(NasError):
    """One or more faults that show before the first update.

    Args:
        faults: one line per fault; each names the file, the key path, what was got and what is
            allowed.
    """

    exit_code = 2

    def __init__(self, faults: str | Sequence[str]) -> None:
        lines = [faults] if isinstance(faults, str) else faults
        self.faults = [printable(line) for line in lines]
        super().__init__("\n".join(self.faults))


class DataError(InputError):
    """A data set is missing, unreadable or does not fit the experiment."""


class GenotypeError(InputError):
    """An architecture file is missing, damaged or belongs to another search space."""


class WeightsError(InputError):
    """A weights file is missing, damaged or belongs to another network."""


class NotFiniteError(WeightsError):
    """A weights file holds values that are not finite."""

    exit_code = 1


class DamagedError(InputError):
    """A file of a run is not what the run wrote."""

    exit_code = 1


class DeviceError(InputError):
    """The requested device or numeric type cannot be used on this machine."""


class OutputFolderError(InputError):
    """The output folder already holds a run, is in use by another process, or is not writable."""


class DivergedError(NasError):
    """A loss, gradient or architecture parameter stopped being finite."""
