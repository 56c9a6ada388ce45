"""`predict`: classes of picture files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnabla_nas.cli import main
from nnabla_nas.dataset.digits import Digits
from nnabla_nas.export.prediction import probabilities, read_pictures
from nnabla_nas.export.trained_run import open_run


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Write the test digits, the first one also in colour and four times as large."""
    images = Digits().read().test
    paths = []
    for number, image in enumerate(images.load(np.arange(len(images.labels)))):
        picture = Image.fromarray(image[0])
        if number == 0:
            # Boxes of equal pixels: their mean is the pixel again.
            large = picture.convert("RGB").resize((32, 32), Image.Resampling.NEAREST)
            large.save(tmp_path / "large.png")
        paths.append(tmp_path / f"{number}.png")
        picture.save(paths[-1])
    return paths


def test_predictions_of_the_test_pictures_err_as_often_as_result_json_says(
    trained_folder: Path, pictures: list[Path]
) -> None:
    with open_run(trained_folder) as run:
        predicted = probabilities(run, read_pictures(run, pictures))
    np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-5)
    error = np.mean(predicted.argmax(axis=1) != Digits().read().test.labels)
    result = json.loads((trained_folder / "result.json").read_text())
    assert error == pytest.approx(result["metrics"]["test"]["error"], abs=1e-6)


def test_the_most_probable_classes_are_printed(
    trained_folder: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_run(trained_folder) as run:
        row = probabilities(run, read_pictures(run, pictures[:1]))[0]
    names = [str(pictures[0]), str(pictures[0].with_name("large.png"))]
    assert main(["predict", str(trained_folder), *names, "--top", "2"]) == 0
    small, large = capsys.readouterr().out.splitlines()
    first, second = np.argsort(-row)[:2]
    said = f"{first} {100 * row[first]:.1f} %, {second} {100 * row[second]:.1f} %"
    assert small == f"{names[0]}: {said}"
    assert large.startswith(f"{names[1]}: ")


def test_names_of_classes_are_those_of_the_data_set(
    trained_copy: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((trained_copy / "config.json").read_text())
    names = [f"digit {number}" for number in range(10)]
    config["environment"]["inputs"]["classes"] = names
    (trained_copy / "config.json").write_text(json.dumps(config))
    assert main(["predict", str(trained_copy), str(pictures[1]), "--top", "10"]) == 0
    told = capsys.readouterr().out.partition(": ")[2]
    assert sorted(one.rpartition(" ")[0][:7] for one in told.split(", ")) == names


def test_files_that_are_no_pictures_are_a_line_each(
    trained_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.png").write_text("no picture")
    missing = tmp_path / "missing.png"
    assert main(["predict", str(trained_folder), str(tmp_path / "x.png"), str(missing)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert f"cannot read picture '{tmp_path / 'x.png'}'" in first
    assert f"cannot read picture '{missing}': No such file" in second
    assert main(["predict", str(trained_folder), str(missing), "--top", "0"]) == 2
    assert "--top: got 0; allowed >= 1" in capsys.readouterr().err
