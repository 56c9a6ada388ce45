"""The search that a network came from, and what it cost."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath

from nnabla_nas.report.run import Run


class Searches:
    """Finds the search that a run's architecture came from.

    Args:
        runs: runs, searches among them.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        searches = [run for run in runs if run.searches]
        self._by_place = {os.path.realpath(run.folder): run for run in searches}
        self._by_end: defaultdict[tuple[str, ...], list[Run]] = defaultdict(list)
        for run in searches:
            for length in (1, 2):
                self._by_end[_end(run.folder.absolute(), length)].append(run)

    def source(self, run: Run) -> Run | None:
        """Return the search that a run's architecture came from, if it is among the runs.

        Args:
            run: the run.
        """
        genotype = _genotype(run)
        if genotype is None:
            return None
        folder = PurePath(genotype).parent
        found = self._by_place.get(os.path.realpath(folder))
        if found is not None or not folder.parts:
            return found
        # The folders may have been moved, or the path begins where the run was started.
        alike = self._by_end[_end(folder, min(2, len(folder.parts)))]
        return alike[0] if len(alike) == 1 else None

    def seconds(self, run: Run) -> float | None:
        """Return the device seconds of the search that a run's architecture came from.

        Args:
            run: the run.

        Returns:
            0 where nothing was searched, None where the search is not among the runs.
        """
        if _genotype(run) is None:
            return 0.0
        search = self.source(run)
        return None if search is None else search.numbers.get("device_seconds")


def _genotype(run: Run) -> str | None:
    network = run.config.get("network")
    genotype = network.get("genotype") if isinstance(network, dict) else None
    return genotype if isinstance(genotype, str) else None


def _end(path: PurePath, length: int) -> tuple[str, ...]:
    return path.parts[-length:]
