"""Data sets whose sizes are known and whose files this version does not read."""

from __future__ import annotations

from nnabla_nas.dataset.dataset import Data, Dataset
from nnabla_nas.errors import DataError


class Declared(Dataset):
    """Base of a data set that can be planned with, but not read."""

    name: str

    def read(self) -> Data:
        """Refuse, and say what can be done instead.

        Raises:
            DataError: always.
        """
        raise DataError(
            f"dataset: got '{self.name}'; this version reads 'digits' and 'synthetic'; "
            "to try the same experiment on generated images, add: -x dataset=synthetic"
        )
