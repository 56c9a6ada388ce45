"""The output folder of one run: file names, one holder at a time, files whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from nnabla_nas.artifact.folder_lock import FolderLock
from nnabla_nas.artifact.writing import reason, writing
from nnabla_nas.errors import NasError, OutputFolderError
from nnabla_nas.integrity import SUMS, check_sums, sums


class RunFolder:
    """The folder that one run writes to, and the only place that knows its file names.

    Use it as a context manager, or call `open` and `close`.

    Args:
        path: the folder; it need not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = FolderLock(self.path / ".lock")
        self._created: list[Path] = []

    @property
    def config(self) -> Path:
        """The resolved experiment."""
        return self.path / "config.json"

    @property
    def log(self) -> Path:
        """What the console showed, with time stamps."""
        return self.path / "log.txt"

    @property
    def arch_h5(self) -> Path:
        """The architecture parameters."""
        return self.path / "arch.h5"

    @property
    def arch_json(self) -> Path:
        """The decoded architecture in words."""
        return self.path / "arch.json"

    @property
    def arch_png(self) -> Path:
        """The drawing of the decoded architecture."""
        return self.path / "arch.png"

    @property
    def arch_dot(self) -> Path:
        """The graphviz source of the drawing."""
        return self.path / "arch.dot"

    @property
    def weights(self) -> Path:
        """The model parameters, with batch-norm statistics."""
        return self.path / "weights.h5"

    @property
    def result(self) -> Path:
        """The final metrics and the command that retrains the architecture."""
        return self.path / "result.json"

    @property
    def weights_ema(self) -> Path:
        """The moving average of the weights, of the moment that `weights` is from."""
        return self.path / "weights_ema.h5"

    @property
    def confusion_png(self) -> Path:
        """The drawing of the test set's confusion matrix."""
        return self.path / "confusion.png"

    @property
    def network_nnp(self) -> Path:
        """The trained network as nnabla reads it."""
        return self.path / "network.nnp"

    @property
    def network_onnx(self) -> Path:
        """The trained network as ONNX programs read it."""
        return self.path / "network.onnx"

    @property
    def network_sony(self) -> Path:
        """The parameters of a zoph network under the names of Sony's nnabla-nas."""
        return self.path / "network_sony.h5"

    @property
    def trajectory(self) -> Path:
        """One row of numbers per epoch."""
        return self.path / "trajectory.csv"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def latency(self) -> Path:
        """The latencies that were measured when the run began."""
        return self.path / "latency.json"

    @property
    def pareto_csv(self) -> Path:
        """The best architectures for a sweep of bounds."""
        return self.path / "pareto.csv"

    @property
    def pareto_png(self) -> Path:
        """The picture of them."""
        return self.path / "pareto.png"

    @property
    def candidates(self) -> Path:
        """Every architecture that was judged as a whole."""
        return self.path / "candidates.csv"

    @property
    def checkpoint(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoint"

    @property
    def sums(self) -> Path:
        """The SHA-256 of every file that tools read, once the run has ended."""
        return self.path / SUMS

    def holds_run(self) -> bool:
        """Return whether a run has begun in this folder."""
        return self.config.exists() or self.result.exists()

    def check(self, resume: bool = False) -> None:
        """Check that a run could start in this folder, without touching anything.

        Args:
            resume: whether it goes on with the run that the folder holds.

        Raises:
            OutputFolderError: if the folder holds a run already, is in use by another process, is
                a file, or cannot be written.
        """
        with self._usable():
            self._check_place()
            self._check_no_run(resume)
            holder = self._lock.holder()
            if holder is not None:
                raise self._in_use(holder)

    def open(self, resume: bool = False) -> RunFolder:
        """Create the folder and hold it for this process.

        Args:
            resume: whether to go on with the run that the folder holds.

        Returns:
            This folder.

        Raises:
            OutputFolderError: as `check`; nothing is left behind then.
        """
        with self._usable():
            self._check_place()
            try:
                self._create()
                if not self._lock.acquire():
                    raise self._in_use(self._lock.holder() or "another process")
                self._check_no_run(resume)
            except BaseException:
                self.close()
                raise
        return self

    def close(self) -> None:
        """Let go of the folder; a folder created by `open` that is still empty is removed."""
        created = [] if self._lock.is_lost() else self._created
        self._lock.release()
        for folder in reversed(created):
            with suppress(OSError):
                folder.rmdir()
        self._created = []

    def __enter__(self) -> RunFolder:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """Write a file so that it appears whole or not at all.

        Args:
            path: the file to be written.

        Yields:
            A path in the same folder, with the same suffix, for the block to write to. It takes
            the place of `path` when the block ends, and is removed if the block fails.

        Raises:
            NasError: if it cannot be written; `path` is then as it was before.
        """
        partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        self.require_held()
        with writing(path):
            partial.unlink(missing_ok=True)
            try:
                yield partial
                with partial.open("rb") as stream:
                    os.fsync(stream.fileno())
                self.require_held()
                os.replace(partial, path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise

    def require_held(self) -> None:
        """Check that this is still the folder that was opened; does nothing if none was.

        Raises:
            NasError: if it has been removed, moved, or taken over by another run.
        """
        if self._lock.is_lost():
            raise NasError(
                f"output folder {str(self.path)!r}: it was removed or replaced while the run was "
                "going on; nothing more is written to it"
            )

    def write_text(self, path: Path, text: str) -> None:
        """Write a UTF-8 text file, whole or not at all.

        Args:
            path: the file.
            text: its content.

        Raises:
            NasError: if it cannot be written.
        """
        with self.replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")

    def write_json(self, path: Path, value: Any) -> None:
        """Write a value as JSON, whole or not at all.

        Args:
            path: the file.
            value: what `json` can write; every number must be finite.

        Raises:
            NasError: if it cannot be written.
            ValueError: if a number is not finite.
        """
        self.write_text(path, _json(value))

    def write_result(self, result: Any) -> None:
        """Write the hashes of all files, and then result.json, which says that the run has ended.

        Args:
            result: its content.

        Raises:
            NasError: if they cannot be written.
        """
        text = _json(result)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with writing(self.sums):
            listed = sums(self._listed())
        self.write_text(self.sums, f"{listed}{digest}  {self.result.name}\n")
        self.write_text(self.result, text)

    def reopen(self) -> None:
        """Remove result.json and the hashes: the run goes on, and has not ended."""
        with writing(self.path):
            self.sums.unlink(missing_ok=True)
            self.result.unlink(missing_ok=True)

    def check_files(self, *paths: Path) -> None:
        """Compare files with what the run wrote, as far as it has ended and says.

        Args:
            paths: which of them; by default all that are listed when a run ends.

        Raises:
            DamagedError: if one has changed since.
        """
        check_sums(paths or (*self._listed(), self.result))

    def _listed(self) -> list[Path]:
        """Return what is listed with its hash; the networks may be exported anew at any time."""
        parameters = [self.arch_h5, self.weights]
        tables = [self.trajectory, self.latency, self.pareto_csv]
        return [self.config, self.arch_json, *parameters, *tables]

    def _check_place(self) -> None:
        place = self.path
        while not place.exists() and place != place.parent:
            place = place.parent
        if not place.is_dir():
            raise self._fault(f"{str(place)!r} is a file, not a folder")
        if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
            raise self._fault(f"no permission to write in {str(place)!r}")

    def _check_no_run(self, resume: bool) -> None:
        if self.holds_run() and not resume:
            raise self._fault(
                "it holds a run already; go on with it by --resume, choose another folder with "
                "-o, or remove this one"
            )

    def _create(self) -> None:
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        for folder in reversed(missing):
            with suppress(FileExistsError):
                folder.mkdir()
                self._created.append(folder)

    def _in_use(self, holder: str) -> OutputFolderError:
        return self._fault(f"it is in use by {holder}; wait for it, or choose another with -o")

    def _fault(self, what: str) -> OutputFolderError:
        return OutputFolderError(f"output folder {str(self.path)!r}: {what}")

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._fault(f"cannot be used: {reason(error)}") from error
        except ValueError as error:  # a null byte or a lone surrogate in the path
            raise self._fault(f"not a possible path: {error}") from error


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"
