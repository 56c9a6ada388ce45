"""`evaluate`: the figures of result.json again, from the output folder alone."""

from __future__ import annotations

import json
import shutil
from math import sqrt
from pathlib import Path
from typing import Any, Literal

import pytest

from nnabla_nas.cli import main
from nnabla_nas.export.trained_run import open_run
from nnabla_nas.runner.evaluation import evaluate_run


def metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())["metrics"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("part", ["test", "valid"])
def test_the_figures_are_those_of_result_json(
    trained_folder: Path, part: Literal["test", "valid"], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_run(trained_folder) as run:
        assert evaluate_run(run, part) == metrics(trained_folder)[part]
    assert main(["evaluate", str(trained_folder), "--split", part]) == 0
    expected = metrics(trained_folder)[part]
    error, n = expected["error"], expected["examples"]
    said = f"{100 * error:.2f} % ± {100 * sqrt(error * (1 - error) / n):.2f} % (standard error)"
    assert (
        capsys.readouterr().out
        == f"{part}: loss {expected['loss']:.6g}, error {said}, {n} images\n"
    )


def test_an_architecture_file_that_has_moved_is_not_missed(
    trained_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    genotype = tmp_path / "found.json"
    shutil.copy(trained_copy / "arch.json", genotype)
    config = json.loads((trained_copy / "config.json").read_text())
    config["network"]["genotype"] = str(genotype)
    # Another seed would draw another architecture.
    config |= {"seed": 7, "epoch": 1, "output_path": str(tmp_path / "again")}
    (tmp_path / "again.json").write_text(json.dumps(config))
    assert main(["-f", str(tmp_path / "again.json")]) == 0
    genotype.unlink()
    with open_run(tmp_path / "again") as run:
        assert evaluate_run(run) == metrics(tmp_path / "again")["test"]


def test_a_search_is_refused_with_the_place_of_the_command_that_trains(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    search_json |= {"epoch": 1, "warmup": 0}
    (tmp_path / "search.json").write_text(json.dumps(search_json))
    search = tmp_path / "search"
    flags = ["-f", str(tmp_path / "search.json"), "-o", str(search), "--no-visualize"]
    assert main(flags) == 0
    capsys.readouterr()
    assert json.loads((search / "result.json").read_text())["retrain"]
    assert main(["evaluate", str(search)]) == 2
    assert capsys.readouterr().err == (
        f"error: {search}: holds a search, which trains no network to keep; train what it found, "
        "as result.json says under 'retrain', and name that folder\n"
    )


def test_nothing_kept_back_is_one_line(
    trained_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((trained_copy / "config.json").read_text())
    (trained_copy / "config.json").write_text(json.dumps({**config, "train_portion": 1.0}))
    assert main(["evaluate", str(trained_copy), "--split", "valid"]) == 2
    assert "kept nothing back (train_portion is 1)" in capsys.readouterr().err


def test_other_data_than_that_of_the_training_is_refused(
    trained_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((trained_copy / "config.json").read_text())
    config["environment"]["data_checksum"] = "0" * 64
    (trained_copy / "config.json").write_text(json.dumps(config))
    assert main(["evaluate", str(trained_copy)]) == 2
    assert "the data set is not the one of the training" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", None, "holds no run: there is no config.json in it"),
        ("weights.h5", None, "holds no weights.h5: nothing is trained yet"),
        ("weights.h5", "x", "weights.h5: not a readable HDF5 file"),
        ("arch.json", None, "arch.json: no such architecture file"),
        ("arch.json", "[", "arch.json: not an architecture file: it is no JSON"),
        ("arch.json", '{"choices": []}', "arch.json: describes 0 choices, this network has 3"),
    ],
)
def test_a_folder_with_damage_is_one_line(
    trained_copy: Path,
    name: str,
    content: str | None,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is None:
        (trained_copy / name).unlink()
    else:
        (trained_copy / name).write_text(content)
    assert main(["evaluate", str(trained_copy)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


def test_a_random_wiring_of_another_seed_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = Path(__file__).parents[2] / "examples" / "small" / "random_wired_train.json"
    run = tmp_path / "run"
    flags = ["-x", "epoch=0", "-x", "network.n_vertices=4", "-x", "network.k=2"]
    assert main(["-f", str(twin), "-o", str(run), "--no-visualize", *flags]) == 0
    with open_run(run) as trained:
        assert evaluate_run(trained) == metrics(run)["test"]
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "seed": 5}))
    (run / "SHA256SUMS").unlink()
    assert main(["evaluate", str(run)]) == 2
    assert "not the architecture that" in capsys.readouterr().err


def test_a_folder_without_a_description_of_its_data_asks_the_data_set(trained_copy: Path) -> None:
    with open_run(trained_copy) as run:
        described = run.inputs
    config = json.loads((trained_copy / "config.json").read_text())
    assert config["environment"].pop("inputs")["classes"] == list("0123456789")
    (trained_copy / "config.json").write_text(json.dumps(config))
    with open_run(trained_copy) as run:
        assert run.inputs == described
