"""What the folders of a study say: which runs are finished, under way, failed or to be done."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.study.plan import Run

State = Literal["finished", "running", "failed", "unfinished"]

# Where the study keeps what its runs said and how they ended, beside their folders.
_OWN = ".study"


@dataclass(frozen=True)
class End:
    """How the last attempt at a run ended that did not finish.

    Args:
        code: the exit code; below 0 the signal that killed it.
        reason: what it said last.
    """

    code: int
    reason: str

    @property
    def was_killed(self) -> bool:
        """Whether it was killed or asked to end, so that another attempt may do better."""
        return self.code < 0 or self.code > 128

    def in_words(self) -> str:
        """Return the reason with the exit code."""
        if self.code < 0:
            return f"killed by signal {-self.code}"
        return f"exit code {self.code}: {self.reason}"


class StudyFolder:
    """The folder of a study; run folders lie in it or elsewhere.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def resolved(self) -> Path:
        """The study with every run written out."""
        return self.path / "study.json"

    @property
    def lock(self) -> Path:
        """Is locked while a program starts the study's runs."""
        return self.path / _OWN / "lock"

    @property
    def jobs(self) -> Path:
        """What was submitted to a cluster."""
        return self.path / _OWN / "jobs"

    def console(self, run: Run) -> Path:
        """Return the file of what a run's process said.

        Args:
            run: the run.
        """
        return self._own(run, "txt")

    def end(self, run: Run) -> End | None:
        """Return how the last attempt at a run ended, if it did not finish.

        Args:
            run: the run.
        """
        try:
            return End(**json.loads(self._own(run, "json").read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):
            return None

    def record_end(self, run: Run, end: End | None) -> None:
        """Write how an attempt at a run ended.

        Args:
            run: the run.
            end: None if the run is finished, or tried again.
        """
        path = self._own(run, "json")
        if end is None:
            path.unlink(missing_ok=True)
        else:
            RunFolder(path.parent).write_json(path, asdict(end))

    def state(self, run: Run) -> State:
        """Return how far a run is.

        Args:
            run: the run.
        """
        if self.is_held(run):
            return "running"
        if is_finished(run):
            return "failed" if misses_bound(run) else "finished"
        return "unfinished" if self.end(run) is None else "failed"

    def hold(self, run: Run, wait: bool = False) -> int | None:
        """Take the right to start a run; it lasts until all copies of the descriptor are closed.

        The process of the run inherits it, so that it is known to be alive whoever started it.

        Args:
            run: the run.
            wait: until no other process holds it.

        Returns:
            An open file, or None if another process holds it.
        """
        path = self._own(run, "lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            # A file system without locks: the run's own check has to do.
            pass
        return descriptor

    def is_held(self, run: Run) -> bool:
        """Return whether a process of a run is alive.

        Args:
            run: the run.
        """
        try:
            descriptor = os.open(self._own(run, "lock"), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return False

    def write(self, runs: list[Run], compare: Mapping[str, Any] | None) -> None:
        """Write the study with every run written out, for whoever reads its folders.

        Args:
            runs: the runs.
            compare: what is to be compared.

        Raises:
            NasError: if it cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        content = {"runs": [self._entry(run) for run in runs], "compare": compare}
        RunFolder(self.path).write_json(self.resolved, content)

    def _entry(self, run: Run) -> dict[str, Any]:
        folder = str(run.folder)
        with suppress(ValueError):
            folder = str(run.folder.relative_to(self.path.absolute()))
        return {
            "experiment": run.experiment,
            "variant": run.variant,
            "seed": run.seed,
            "folder": folder,
            "file": str(run.file),
            "grid": dict(run.grid),
            "after": [name.partition("/")[0] for name in run.after],
        }

    def _own(self, run: Run, suffix: str) -> Path:
        path = self.path / _OWN / run.name
        return path.with_name(f"{path.name}.{suffix}")


def result(run: Run) -> dict[str, Any] | None:
    """Return the content of a run's result.json, or None where it has none that can be read.

    Args:
        run: the run.
    """
    try:
        content = json.loads(RunFolder(run.folder).result.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def is_finished(run: Run) -> bool:
    """Return whether a run has come to its end.

    Args:
        run: the run.
    """
    content = result(run)
    return content is not None and content.get("status") == "finished"


def misses_bound(run: Run) -> bool:
    """Return whether a finished search has found nothing within its hard bounds.

    Args:
        run: the run.
    """
    content = result(run) or {}
    bounds = (content.get("constraints") or {}).values() if content.get("search") else ()
    return any(bound.get("hard") and not bound.get("met") for bound in bounds)
