"""Checkpoints: two generations, each whole or not at all, each with a hash of every file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nnabla_nas.artifact.state_file import ARRAYS, TREE, read_state, read_tree, write_state
from nnabla_nas.artifact.writing import writing
from nnabla_nas.errors import NasError

_MANIFEST = "manifest.json"
_FILES = (ARRAYS, TREE)
_GENERATIONS = 2


class Checkpoints:
    """The checkpoints of one run.

    A generation is a folder with a running number. It is written under a temporary name, synced,
    then renamed; its manifest, written last, holds a SHA-256 per file.

    Args:
        folder: where they are; made when the first one is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, state: dict[str, Any]) -> None:
        """Write a generation, then remove those older than the one before it.

        Args:
            state: what `load` shall return.

        Raises:
            NasError: if it cannot be written; the generations before it stay as they are.
        """
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_partial()
            newest = self.generations()[:1]
            number = int(newest[0].name) + 1 if newest else 0
            partial = self.folder / f".partial-{number}"
            partial.mkdir()
            try:
                write_state(partial, state)
                self._write_manifest(partial)
                _sync_folder(partial)
                os.rename(partial, self.folder / f"{number:08d}")
                _sync_folder(self.folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            for old in self.generations()[_GENERATIONS:]:
                shutil.rmtree(old)

    def load(self, warn: Callable[[str], None]) -> dict[str, Any] | None:
        """Return the newest state that is undamaged, or None if none was ever saved.

        Args:
            warn: is told of each damaged generation that is passed over.

        Raises:
            NasError: if there are generations, but all of them are damaged.
        """
        damages = []
        for generation in self.generations():
            try:
                self._check(generation)
                return read_state(generation)
            except (OSError, ValueError) as error:
                damages.append(str(error))
                warn(f"{damages[-1]}; trying the checkpoint before it")
        if damages:
            raise NasError(f"no readable checkpoint: {damages[0]}")
        return None

    def generations(self) -> list[Path]:
        """Return the folders of all generations, the newest first."""
        if not self.folder.is_dir():
            return []
        return sorted((p for p in self.folder.iterdir() if p.name.isdigit()), reverse=True)

    def _remove_partial(self) -> None:
        for partial in self.folder.glob(".partial-*"):
            shutil.rmtree(partial)

    def _write_manifest(self, folder: Path) -> None:
        manifest = {name: _sha256(folder / name) for name in _FILES}
        with (folder / _MANIFEST).open("w", encoding="utf-8") as file:
            json.dump(manifest, file)
            file.flush()
            os.fsync(file.fileno())

    def _check(self, folder: Path) -> None:
        path = folder / _MANIFEST
        manifest = read_tree(path)
        if manifest.keys() != set(_FILES):
            raise ValueError(f"{path} is damaged: not a list of the checkpoint's files")
        for name, expected in manifest.items():
            if _sha256(folder / name) != expected:
                raise ValueError(f"{folder / name} is damaged")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
