"""Checkpoints: two generations, each whole or not at all, each with a hash of every file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nnabla_nas.artifact.state_file import ARRAYS, TREE, read_state, read_tree, write_state
from nnabla_nas.artifact.writing import writing
from nnabla_nas.errors import NasError
from nnabla_nas.integrity import open_regular, sha256

_MANIFEST = "manifest.json"
_FILES = (ARRAYS, TREE)
_GENERATIONS = 2


class Checkpoints:
    """The checkpoints of one run.

    A generation is a folder with a running number. It is written under a temporary name, synced,
    then renamed; its manifest, written last, holds a SHA-256 per file.

    Args:
        folder: where they are; made when the first one is saved.
        require: called before anything is written; raises where nothing may be.
    """

    def __init__(self, folder: Path, require: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self._require = require
        self._damaged: list[Path] = []
        self._loaded: Path | None = None

    def save(self, state: dict[str, Any], files: Sequence[Path] = ()) -> None:
        """Write a generation, then remove the damaged and those older than the one before it.

        Args:
            state: what `load` shall return.
            files: files of the run that belong to the state; copies of them are kept with it.

        Raises:
            NasError: if it cannot be written; the generations before it stay as they are.
        """
        self._require()
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_partial()
            newest = self.generations()[:1]
            number = int(newest[0].name) + 1 if newest else 0
            partial = self.folder / f".partial-{number}"
            partial.mkdir()
            try:
                write_state(partial, state)
                for file in files:
                    _copy(file, partial / file.name)
                self._write_manifest(partial, [*_FILES, *(file.name for file in files)])
                _sync_folder(partial)
                self._require()
                os.rename(partial, self.folder / f"{number:08d}")
                _sync_folder(self.folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            good = [one for one in self.generations() if one not in self._damaged]
            for old in (*self._damaged, *good[_GENERATIONS:]):
                shutil.rmtree(old)
            self._damaged = []

    def load(self, warn: Callable[[str], None]) -> dict[str, Any] | None:
        """Return the newest state that is undamaged, or None if none was ever saved.

        Args:
            warn: is told of each damaged generation that is passed over.

        Raises:
            NasError: if there are generations, but all of them are damaged.
        """
        damages: list[str] = []
        self._damaged = []
        for generation in self.generations():
            try:
                self._check(generation)
                state = read_state(generation)
                self._loaded = generation
                return state
            except (OSError, ValueError) as error:
                damages.append(str(error))
                self._damaged.append(generation)
                warn(f"{damages[-1]}; trying the checkpoint before it")
        if damages:
            raise NasError(f"no readable checkpoint: {damages[0]}")
        return None

    def kept(self, file: Path) -> Path | None:
        """Return the copy of a file that belongs to the state loaded last, or None.

        Args:
            file: one of those that `save` may have been given.
        """
        copy = None if self._loaded is None else self._loaded / file.name
        return copy if copy is not None and copy.exists() else None

    def generations(self) -> list[Path]:
        """Return the folders of all generations, the newest first."""
        if not self.folder.is_dir():
            return []
        return sorted((p for p in self.folder.iterdir() if p.name.isdigit()), reverse=True)

    def _remove_partial(self) -> None:
        for partial in self.folder.glob(".partial-*"):
            shutil.rmtree(partial)

    def _write_manifest(self, folder: Path, names: Sequence[str]) -> None:
        manifest = {name: sha256(folder / name) for name in names}
        with (folder / _MANIFEST).open("w", encoding="utf-8") as file:
            json.dump(manifest, file)
            file.flush()
            os.fsync(file.fileno())

    def _check(self, folder: Path) -> None:
        path = folder / _MANIFEST
        manifest = read_tree(path)
        present = {one.name for one in folder.iterdir()} - {_MANIFEST}
        if not set(_FILES) <= manifest.keys() or not present <= manifest.keys():
            raise ValueError(f"{path} is damaged: not a list of the checkpoint's files")
        for name, expected in manifest.items():
            if Path(name).name != name or sha256(folder / name) != expected:
                raise ValueError(f"{folder / name} is damaged")


def _copy(source: Path, target: Path) -> None:
    with open_regular(source) as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.flush()
        os.fsync(copy.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
