"""Lists of labelled picture files: a tree of class folders, a CSV file, a list file."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.picture import SUFFIXES
from nnabla_nas.errors import DataError
from nnabla_nas.integrity import open_regular, sha256

_IMAGE, _LABEL = "x:image", "y:label"

Rows = Callable[[Iterable[str]], Iterator[tuple[str, str]]]
"""What takes the lines of a file and yields path and label of each picture."""


@dataclass(frozen=True)
class Listing:
    """Picture files and their classes.

    Args:
        paths: the files, (N,).
        labels: the class of each, int32 (N,).
        classes: names of the classes, where the source has names.
    """

    paths: Sequence[str]
    labels: npt.NDArray[np.int32]
    classes: tuple[str, ...] = ()

    def sample(self, n: int) -> bytes:
        """Return a hash over the contents of some files, evenly spread.

        Args:
            n: how many, at most.

        Raises:
            DataError: if one cannot be read.
        """
        digest = hashlib.sha256()
        for path in self.paths[:: max(1, len(self.paths) // n)][:n]:
            try:
                digest.update(sha256(Path(path)).encode())
            except OSError as error:
                raise DataError(f"cannot read picture {path!r}: {error.strerror}") from error
        return digest.digest()


def class_tree(folder: Path, classes: tuple[str, ...] = ()) -> Listing:
    """List a tree with one folder a class; classes are numbered in the order of their names.

    Args:
        folder: the folder of the class folders; files that are no pictures are passed over.
        classes: the names there must be (a folder may be missing); empty takes those there are.

    Returns:
        The listing, sorted by class and path.

    Raises:
        DataError: if the folder is missing, or a class folder is unknown or empty.
    """
    try:
        found = sorted(entry.name for entry in os.scandir(folder) if _is_class(entry))
    except OSError as error:
        raise DataError(f"cannot list {str(folder)!r}: {error.strerror}") from error
    if not found:
        raise DataError(f"{str(folder)!r} holds no class folders")
    names = classes or tuple(found)
    unknown = sorted(set(found) - set(names))
    if unknown:
        raise DataError(f"{str(folder)!r}: class {unknown[0]!r} has no training images")
    paths: list[str] = []
    labels: list[int] = []
    for name in found:
        pictures = sorted(_pictures(folder / name))
        if not pictures:
            raise DataError(f"{str(folder / name)!r} holds no pictures ({_suffixes()})")
        paths += pictures
        labels += [names.index(name)] * len(pictures)
    return Listing(paths, np.array(labels, dtype=np.int32), names)


def csv_file(path: Path) -> Listing:
    """List the pictures of a CSV file with the columns `x:image` and `y:label`.

    Args:
        path: the file; pictures are found from its folder, labels are integers from 0 on.

    Raises:
        DataError: if the file is missing, damaged or lacks a column.
    """

    def rows(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
        reader = csv.reader(lines)
        header = [cell.strip() for cell in next(reader, [])]
        if _IMAGE not in header or _LABEL not in header:
            raise ValueError(f"its first line lacks {_IMAGE} or {_LABEL}")
        image, label = header.index(_IMAGE), header.index(_LABEL)
        for row in reader:
            if len(row) != len(header):
                raise ValueError(f"line {reader.line_num} has {len(row)} cells, not {len(header)}")
            yield row[image].strip(), row[label]

    return _from_rows(path, rows, path.parent)


def list_file(path: Path, folder: Path) -> Listing:
    """List the pictures of a file whose lines are a path and a label, as Caffe writes them.

    Args:
        path: the file.
        folder: where its paths begin; none may lead out of it.

    Raises:
        DataError: if the file is missing or damaged.
    """

    def rows(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
        for number, line in enumerate(lines, 1):
            name, _, label = line.strip().rpartition(" ")
            if not name or PurePath(name).is_absolute() or ".." in PurePath(name).parts:
                raise ValueError(f"line {number} is not a path inside the folder, and a label")
            yield name.strip(), label

    return _from_rows(path, rows, folder)


def _from_rows(path: Path, rows: Rows, folder: Path) -> Listing:
    paths: list[str] = []
    labels: list[int] = []
    try:
        # With or without a byte order mark, which spreadsheets write.
        with (
            open_regular(path) as content,
            io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as file,
        ):
            for name, label in rows(file):
                if not (label.strip().isascii() and label.strip().isdigit() and len(label) < 10):
                    raise ValueError(f"label {label[:20]!r} is not an integer from 0 on")
                paths.append(str(folder / name))
                labels.append(int(label))
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"cannot read {str(path)!r}: {reason}") from error
    if not paths:
        raise DataError(f"{str(path)!r} lists no pictures")
    return Listing(paths, np.array(labels, dtype=np.int32))


def count_classes(labels: npt.NDArray[np.int32], source: Path) -> int:
    """Return how many classes training labels have, which must be 0, 1, … without a gap.

    Args:
        labels: the class of each training image, (N,).
        source: where they came from, for messages.

    Raises:
        DataError: if a class has no image, or there is one class only.
    """
    present = np.unique(labels)
    if present[0] < 0:
        raise DataError(f"{str(source)!r}: a label is {present[0]}; allowed 0 and above")
    if present[-1] >= len(present):
        missing = int(np.flatnonzero(present != np.arange(len(present)))[0])
        raise DataError(
            f"{str(source)!r}: no training image has the label {missing}, one has {present[-1]}"
        )
    if len(present) < 2:
        raise DataError(f"{str(source)!r}: all training images are of one class; allowed 2 or more")
    return len(present)


def _is_class(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir() and not entry.name.startswith(".")


def _pictures(folder: Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        for name in names:
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith("."):
                yield os.path.join(place, name)


def _suffixes() -> str:
    return ", ".join(sorted(SUFFIXES))
