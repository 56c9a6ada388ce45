from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnabla_nas.dataset import Data, DatasetInfo
from nnabla_nas.dataset.folder import Folder
from nnabla_nas.dataset.split import split
from nnabla_nas.errors import DataError


def images_of(data: Data) -> tuple[np.ndarray, np.ndarray]:
    parts = (data.train, data.test)
    return tuple(part.load(np.arange(len(part.labels))) for part in parts)  # type: ignore[return-value]


@pytest.fixture
def tree(packer: Any, tmp_path: Path) -> Path:
    """Write the CIFAR-10 pictures as a tree of class folders with something else in it."""
    images, labels = packer.pictures("cifar10")
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = tmp_path / "tree" / f"class {label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"{number:02}.PNG")
        (folder / "notes.txt").write_text("no picture")
        (folder / ".hidden.png").write_text("no picture")
    (tmp_path / "tree" / "readme.txt").write_text("no class")
    (tmp_path / "tree" / ".cache").mkdir()
    return tmp_path / "tree"


def in_order(packer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures and labels as a tree lists them: by class, then by name."""
    images, labels = packer.pictures("cifar10")
    order = sorted(range(20), key=lambda number: (labels[number], number))
    classes = sorted(set(labels))
    return images[order], np.array([classes.index(labels[number]) for number in order])


def test_class_folders_become_classes_and_a_stratified_fifth_the_test_set(
    tree: Path, packer: Any
) -> None:
    images, labels = in_order(packer)
    data_set = Folder(str(tree))
    n_classes = len(set(labels))
    assert data_set.info == DatasetInfo((3, 32, 32), n_classes, 16, 4)
    data = data_set.read()
    train, test = split(labels, 0.8, seed=0)
    found = images_of(data)
    np.testing.assert_array_equal(found[0], images[train])
    np.testing.assert_array_equal(found[1], images[test])
    np.testing.assert_array_equal(data.train.labels, labels[train])
    np.testing.assert_array_equal(data.test.labels, labels[test])
    assert not data.flip
    assert data.classes == tuple(
        f"class {label}" for label in sorted(set(packer.pictures("cifar10")[1]))
    )
    assert Folder(str(tree), flip=True).read().flip
    assert Folder(str(tree), workers=2).read().checksum == data.checksum


def test_train_and_test_trees_are_taken_as_they_are(tree: Path, packer: Any) -> None:
    images, labels = in_order(packer)
    both = tree.parent / "both"
    both.mkdir()
    (both / "test" / "class 3").mkdir(parents=True)
    Image.new("RGB", (32, 32), (9, 8, 7)).save(both / "test" / "class 3" / "x.png")
    tree.rename(both / "train")
    data = Folder(str(both)).read()
    named = Folder(str(both / "train"), str(both / "test")).read()
    assert named.checksum == data.checksum
    found = images_of(data)
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[1][0, :, 0, 0], (9, 8, 7))
    known = sorted(path.name for path in (both / "train").iterdir() if "class" in path.name)
    assert data.test.labels.tolist() == [known.index("class 3")]
    np.testing.assert_array_equal(data.train.labels, labels)


def two_sizes_and_one_grey(folder: Path) -> Path:
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (20, 16), (200, 100, number)).save(folder / name / f"{number}.png")
    Image.new("RGB", (40, 20), (10, 20, 30)).save(folder / "b" / "large.png")
    Image.new("L", (20, 16), 77).save(folder / "b" / "one grey.png")
    return folder


def test_two_sizes_and_one_grey_are_refused_or_brought_to_one_shape(tmp_path: Path) -> None:
    folder = two_sizes_and_one_grey(tmp_path / "own")
    data_set = Folder(str(folder))
    assert data_set.info.shape == (3, 16, 20)
    with pytest.raises(DataError) as caught:
        data_set.read()
    (line,) = caught.value.faults
    for word in ("large.png", "[3, 20, 40]", "[3, 16, 20]", "dataset.resize"):
        assert word in line
    (folder / "b" / "large.png").unlink()
    with pytest.raises(DataError, match=r"one grey\.png' has the shape \[1, 16, 20\], not \[3, "):
        Folder(str(folder)).read()
    for shape in ((3, 16, 20), (1, 16, 20), (3, 8, 8)):
        data = Folder(str(folder), resize=True, input_shape=shape).read()
        images = np.concatenate(images_of(data))
        assert images.shape == (9, *shape)
        greys = [image for image in images if (image == 77).all()]
        assert len(greys) == 1


@pytest.fixture
def table(tree: Path, packer: Any) -> Path:
    """Write a CSV file beside the tree that names its pictures, one by an absolute path."""
    lines = ["number,x:image, y:label"]
    for number, path in enumerate(sorted(tree.rglob("[0-9]*.PNG"))):
        name = path if number == 0 else path.relative_to(tree.parent)
        lines.append(f'{number},"{name}",{number % 2}')
    file = tree.parent / "own.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_csv_file_names_pictures_and_labels(table: Path, packer: Any) -> None:
    images, _ = in_order(packer)
    data_set = Folder(str(table), str(table))
    assert data_set.info == DatasetInfo((3, 32, 32), 2, 20, 20)
    data = data_set.read()
    for found in images_of(data):
        np.testing.assert_array_equal(found, images)
    np.testing.assert_array_equal(data.train.labels, np.arange(20) % 2)
    assert Folder(str(table), test_portion=0.5).info.n_test == 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "its first line lacks x:image or y:label"),
        ("x:image,label\na.png,0\n", "its first line lacks"),
        ("x:image,y:label\n", "lists no pictures"),
        ("x:image,y:label\na.png\n", "line 2 has 1 cells, not 2"),
        ("x:image,y:label\na.png,cat\n", "label 'cat' is not an integer"),
        ("x:image,y:label\na.png,-1\n", "label '-1' is not an integer"),
        ("x:image,y:label\na.png,99999999999999999999\n", "is not an integer"),
        ("x:image,y:label\na.png,0\na.png,7\n", "no training image has the label 1, one has 7"),
        ("x:image,y:label\na.png,0\na.png,0\n", "all training images are of one class"),
        ("x:image,y:label\n" + "a.png,0\na.png,1\n" * 5, "cannot read picture"),
        ("x:image,y:label\n" + "a" * 200_000 + ",0\n", "field larger than"),
        ("x:image,y:label\n\0,0\n", ""),
        ("\udcff", "cannot read"),
    ],
)
def test_a_damaged_csv_file_is_refused_in_one_line(
    content: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.csv"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError) as caught:
        Folder(str(path)).read()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "(N, C, H, W)": lambda images: images,
    "(N, H, W, C)": lambda images: images.transpose(0, 2, 3, 1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_npz_file_holds_images_in_either_order(layout: str, packer: Any, tmp_path: Path) -> None:
    images, _ = packer.pictures("cifar10")
    labels = np.arange(20) % 4
    path = tmp_path / "own.npz"
    arrays = LAYOUTS[layout](images)
    np.savez(path, x_train=arrays[:12], y_train=labels[:12], x_test=arrays[12:], y_test=labels[12:])
    data_set = Folder(str(path))
    assert data_set.info == DatasetInfo((3, 32, 32), 4, 12, 8)
    data = data_set.read()
    found = images_of(data)
    np.testing.assert_array_equal(found[0], images[:12])
    np.testing.assert_array_equal(found[1], images[12:])
    np.testing.assert_array_equal(data.test.labels, labels[12:])
    with pytest.raises(DataError, match=r"images of shape \[3, 32, 32\], not \[1, 16, 16\]; set "):
        Folder(str(path), input_shape=(1, 16, 16)).read()
    smaller = Folder(str(path), resize=True, input_shape=(1, 16, 16)).read()
    assert smaller.train.load(np.arange(3)).shape == (3, 1, 16, 16)


def test_an_npz_file_of_grey_images_is_split(packer: Any, tmp_path: Path) -> None:
    images, _ = packer.pictures("fashionMNIST")
    labels = np.arange(20, dtype=np.uint8) % 2
    path = tmp_path / "own.npz"
    np.savez_compressed(path, x=images[:, 0], y=labels)
    data = Folder(str(path)).read()
    train, test = split(labels, 0.8, seed=0)
    found = images_of(data)
    np.testing.assert_array_equal(found[0], images[train])
    np.testing.assert_array_equal(found[1], images[test])
    whole = Folder(str(path), str(path))
    assert (whole.info.n_train, whole.info.n_test) == (20, 20)


def npy(header: str, content: bytes = b"", version: int = 1) -> bytes:
    text = header.ljust(117) + "\n"
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode() + content


def saved(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


X = saved(np.zeros((4, 8, 8), dtype=np.uint8))
Y = saved(np.arange(4) % 2)
HUGE = "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999, 8, 8)}"
DAMAGED: dict[str, tuple[dict[str, bytes], str]] = {
    "no images": ({"y": Y}, "lacks the array 'x'"),
    "no labels": ({"x": X}, "lacks the array 'y'"),
    "floats": ({"x": saved(np.zeros((4, 8, 8))), "y": Y}, "array 'x' is float64"),
    "two axes": ({"x": saved(np.zeros((4, 8), np.uint8)), "y": Y}, "allowed uint8 (N, H, W)"),
    "channels": ({"x": saved(np.zeros((4, 8, 8, 2), np.uint8)), "y": Y}, "1 or 3 channels"),
    "labels of another number": ({"x": X, "y": saved(np.arange(5))}, "has the shape [5]"),
    "negative label": ({"x": X, "y": saved(np.array([0, 1, -1, 0]))}, "labels out of range"),
    "labels of another type": ({"x": X, "y": saved(np.zeros(4))}, "allowed integers"),
    "a pickle": ({"x": X, "y": saved(np.array([None] * 4), allow_pickle=True)}, "allowed integers"),
    "huge": ({"x": npy(HUGE), "y": Y}, "labels out of range"),
    "both huge": ({"x": npy(HUGE), "y": npy(HUGE)}, "allowed integers"),
    "cut": ({"x": X[:-1], "y": Y}, "ends after 255 bytes"),
    "header": ({"x": npy("{'descr': __import__('os')}"), "y": Y}, "cannot read"),
    "format": ({"x": npy(HUGE, version=9), "y": Y}, "cannot read"),
    "columns": (
        {"x": npy(HUGE.replace("False", "True")), "y": Y},
        "an array in Fortran's order; allowed C's",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_npz_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    arrays, message = DAMAGED[name]
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for array, content in arrays.items():
            archive.writestr(f"{array}.npy", content)
    with pytest.raises(DataError) as caught:
        Folder(str(path)).read()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_zip_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.npz").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"cannot read '\S+own\.npz': File is not a zip file"):
        Folder(str(tmp_path / "own.npz"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_portion": 1.0}, "dataset.test_portion: got 1.0; allowed 0 < p < 1"),
        ({"workers": -1}, "dataset.workers: got -1; allowed >= 0"),
        ({"input_shape": (2, 8, 8)}, "dataset.input_shape: got [2, 8, 8]"),
        ({"test_portion": 0.001}, "none would be left"),
        ({"test_path": "nowhere"}, "cannot list 'nowhere'"),
        ({"path": "nowhere"}, "dataset.path: 'nowhere' does not exist"),
        ({"path": __file__}, "is no folder, .csv file or .npz file"),
    ],
)
def test_options_are_checked(tree: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        Folder(**{"path": str(tree), **options})
    assert message in str(caught.value)


def test_folders_without_pictures_and_unknown_classes_are_named(tree: Path) -> None:
    (tree / "a").mkdir()
    with pytest.raises(DataError, match=r"/a' holds no pictures \("):
        Folder(str(tree))
    with pytest.raises(DataError, match=r"/a' holds no class folders"):
        Folder(str(tree / "a"))
    (tree / "a").rmdir()
    other = tree.parent / "other"
    (other / "unknown").mkdir(parents=True)
    with pytest.raises(DataError, match="class 'unknown' has no training images"):
        Folder(str(tree), str(other))


def test_more_images_than_memory_is_meant_for_are_refused_before_they_are_read(tree: Path) -> None:
    data_set = Folder(str(tree), resize=True, input_shape=(3, 20_000, 20_000))
    with pytest.raises(DataError, match=r"are \d+ bytes; allowed 8589934592.*'imagenet'"):
        data_set.read()
