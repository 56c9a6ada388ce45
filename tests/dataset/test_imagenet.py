from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnabla_nas.dataset import (
    DatasetInfo,
    Loader,
    evaluation_transform,
    in_order,
    training_transform,
)
from nnabla_nas.dataset.crop import draw, random_box
from nnabla_nas.dataset.imagenet import Imagenet
from nnabla_nas.errors import DataError, NasError
from nnabla_nas.random import Streams


@pytest.fixture
def folders(packer: Any, tmp_path: Path) -> tuple[Path, Path]:
    """Write twelve real photographs as JPEG into class folders, and eight for validation."""
    names = sorted(packer.folder.glob("imagenet_*"))[:20]
    for number, path in enumerate(names):
        part = "train" if number < 12 else "val"
        folder = tmp_path / part / f"n{number % 4}"
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.open(path).convert("RGB").resize((144 + 16 * number, 96))
        picture.save(folder / f"{number:02}.JPEG", quality=95)
    return tmp_path / "train", tmp_path / "val"


def own(folders: tuple[Path, Path], side: int = 48, **options: Any) -> Imagenet:
    train, valid = folders
    options = {"workers": 0, "reader": "pillow", **options}
    return Imagenet(str(train), str(valid), input_shape=(3, side, side), **options)


def listed(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.JPEG"))


def test_official_sizes_are_known_without_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNABLA_NAS_DATA", str(tmp_path))
    data_set = Imagenet()
    assert data_set.info == DatasetInfo((3, 224, 224), 1000, 1_281_167, 50_000)
    with pytest.raises(DataError) as caught:
        data_set.read()
    (line,) = caught.value.faults
    for word in ("dataset.train_dir", "imagenet/train", "image-net.org", "NNABLA_NAS_DATA"):
        assert word in line


def test_folders_of_ones_own_are_counted(folders: tuple[Path, Path]) -> None:
    assert own(folders).info == DatasetInfo((3, 48, 48), 4, 12, 8)


def test_evaluation_sees_the_middle(folders: tuple[Path, Path]) -> None:
    data = own(folders, side=42).read()
    paths = listed(folders[1])
    found = data.test.load(np.arange(8))
    assert found.shape == (8, 3, 42, 42)
    for image, path in zip(found, paths, strict=True):
        # 42 is to 48 as 224 is to 256: the shorter side to 48 pixels, then the middle.
        picture = Image.open(path)
        width = picture.width // 2
        scaled = picture.resize((width, 48), Image.Resampling.BILINEAR)
        left = (width - 42) // 2
        usual = np.asarray(scaled.crop((left, 3, left + 42, 45)), dtype=np.float64)
        assert abs(image - usual.transpose(2, 0, 1)).max() <= 1
    np.testing.assert_array_equal(data.test.labels, [int(path.parent.name[1]) for path in paths])
    np.testing.assert_array_equal(data.mean, np.array([0.485, 0.456, 0.406], np.float32))


def test_learning_sees_random_parts_drawn_from_the_batchs_stream(
    folders: tuple[Path, Path],
) -> None:
    data = own(folders).read()
    transform = training_transform(data, 0)
    paths = listed(folders[0])

    def loader(prefetch: int) -> Loader:
        return Loader(data.train, np.arange(12), 4, transform, Streams(5), "train", prefetch)

    with loader(0) as source, loader(2) as ahead:
        batches = [source.next() for _ in range(4)]
        for batch in batches:
            np.testing.assert_array_equal(batch.inputs, ahead.next().inputs)
    for position, batch in enumerate(batches):
        epoch, number = divmod(position, 3)
        order = Streams(5).derived("data order/train", epoch).permutation(np.arange(12))
        chosen = order[4 * number : 4 * number + 4]
        rng = Streams(5).derived("augmentation/train", epoch, number)
        draws = draw(4, rng)
        mirrored = rng.integers(0, 2, 4)
        for image, index, one, mirror in zip(batch.inputs, chosen, draws, mirrored, strict=True):
            picture = Image.open(paths[index])
            part = picture.crop(random_box(*picture.size, one))
            pixels = np.asarray(part.resize((48, 48), Image.Resampling.BILINEAR), np.float64)
            pixels = pixels[:, ::-1] if mirror else pixels
            expected = (pixels / 255 - data.mean) / data.std
            np.testing.assert_allclose(image, expected.transpose(2, 0, 1), atol=1e-5)


def test_evaluating_a_training_set_draws_nothing(folders: tuple[Path, Path]) -> None:
    data = own(folders).read()
    transform = evaluation_transform(data)
    (batch,) = in_order(data.train, np.arange(12), 12, transform)
    with Loader(data.train, np.arange(12), 12, transform, Streams(1), "valid") as source:
        shuffled = source.next()
    order = np.argsort(Streams(1).derived("data order/valid", 0).permutation(np.arange(12)))
    np.testing.assert_array_equal(shuffled.inputs[order], batch.inputs)


def test_other_photographs_under_the_same_names_are_other_data(folders: tuple[Path, Path]) -> None:
    before = own(folders).read().checksum
    assert own(folders).read().checksum == before
    for path in listed(folders[0]):
        Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    assert own(folders).read().checksum != before


def test_processes_change_nothing(folders: tuple[Path, Path]) -> None:
    alone, together = own(folders).read(), own(folders, workers=2).read()
    assert alone.checksum == together.checksum
    indices = np.array([3, 0, 11, 7, 5])
    np.testing.assert_array_equal(together.train.load(indices), alone.train.load(indices))
    for seed in (0, 1):
        views = [
            data.train.load_random(indices, np.random.default_rng(seed))  # type: ignore[attr-defined]
            for data in (alone, together)
        ]
        np.testing.assert_array_equal(views[0], views[1])
    (listed(folders[0])[3]).write_bytes(b"damaged")
    with pytest.raises(NasError, match=r"cannot read picture '\S+\.JPEG': cannot identify"):
        together.train.load(indices)
    # The processes survive what was wrong with a file.
    assert together.train.load(indices[1:]).shape == (4, 3, 48, 48)


def test_list_files_name_photographs_and_labels(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for folder, name in zip(folders, ("train.txt", "val.txt"), strict=True):
        lines = [
            f"{path.relative_to(folder)} {int(path.parent.name[1]) % 2}" for path in listed(folder)
        ]
        (tmp_path / name).write_text("\n".join(lines[::-1]) + "\n")
    lists = {"train_list": str(tmp_path / "train.txt"), "valid_list": str(tmp_path / "val.txt")}
    data_set = own(folders, **lists)
    assert data_set.info == DatasetInfo((3, 48, 48), 2, 12, 8)
    data, by_folder = data_set.read(), own(folders).read()
    np.testing.assert_array_equal(data.train.labels, by_folder.train.labels[::-1] % 2)
    np.testing.assert_array_equal(data.test.load(np.array([0])), by_folder.test.load(np.array([7])))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("n0/00.JPEG\n", "line 1 is not a path inside the folder, and a label"),
        ("../../secret.png 0\n", "line 1 is not a path inside the folder"),
        ("/etc/passwd 0\n", "line 1 is not a path inside the folder"),
        ("n0/00.JPEG x\n", "label 'x' is not an integer"),
        ("n0/00.JPEG 4\n", "no training image has the label 0"),
        ("", "lists no pictures"),
        (None, "No such file"),
    ],
)
def test_a_damaged_list_is_refused_in_one_line(
    content: str | None, message: str, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError) as caught:
        own(folders, train_list=str(path), valid_list=str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (1, 48, 48)}, "dataset.input_shape: got [1, 48, 48]; allowed [3, S, S]"),
        ({"input_shape": (3, 48, 40)}, "dataset.input_shape: got [3, 48, 40]"),
        ({"workers": -1}, "dataset.workers: got -1; allowed null or >= 0"),
        ({"train_dir": "nowhere"}, "dataset.train_dir: the folder 'nowhere' does not exist"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        Imagenet(**options)
    assert message in str(caught.value)


def test_a_label_unknown_to_training_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    lists = []
    for name, labels in (("train.txt", (0, 1)), ("val.txt", (0, 2))):
        (tmp_path / name).write_text("".join(f"n0/0{label}.JPEG {label}\n" for label in labels))
        lists.append(str(tmp_path / name))
    with pytest.raises(DataError, match="a label is 2; the training labels end at 1"):
        own(folders, train_list=lists[0], valid_list=lists[1])


def test_dali_is_asked_for_where_it_is_missing(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nvidia", None)
    with pytest.raises(DataError, match=r"^dataset\.reader: got 'dali'; NVIDIA DALI is not inst"):
        own(folders, reader="dali").read()
    assert own(folders, reader="auto").read().train.load(np.arange(2)).shape == (2, 3, 48, 48)


def test_a_picture_is_fitted_as_evaluation_sees_it(folders: tuple[Path, Path]) -> None:
    data = own(folders).read()
    for number, path in enumerate(listed(folders[1])):
        with Image.open(path) as picture:
            fitted = Imagenet.fit(picture, (3, 48, 48))
        np.testing.assert_array_equal(fitted, data.test.load(np.array([number]))[0])
    assert data.classes == ("n0", "n1", "n2", "n3")
