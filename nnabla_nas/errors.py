"""Errors a user can act on; `cli.main` turns each into lines on stderr and an exit code."""

from __future__ import annotations

from collections.abc import Sequence


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
        self.faults = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("\n".join(self.faults))


class DataError(InputError):
    """A data set is missing, unreadable or does not fit the experiment."""


class GenotypeError(InputError):
    """An architecture file is missing, damaged or belongs to another search space."""


class WeightsError(InputError):
    """A weights file is missing, damaged or belongs to another network."""


class DeviceError(InputError):
    """The requested device or numeric type cannot be used on this machine."""


class OutputFolderError(InputError):
    """The output folder already holds a run, is in use by another process, or is not writable."""


class DivergedError(NasError):
    """A loss, gradient or architecture parameter stopped being finite."""
