"""`convert`: files of nnabla-nas 0.9 and later, in each of their forms, become experiments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main

FILES = Path(__file__).resolve().parents[1] / "config" / "dialects"
YAML = FILES / "conf" / "experiment" / "darts" / "search.yaml"
SYNTHETIC = {"name": "synthetic", "n_train": 192, "n_test": 16}
RUNS = {
    "hparams_search.json": [],
    "constrained_search.json": [],
    "auxiliary_train.json": ["-x", "network.genotype=null"],
    "config_of_a_run.json": [],
    "conf/experiment/darts/search.yaml": [],
}


def convert(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[Any, list[str]]:
    """Return what `convert` writes, and the notes beside it."""
    assert main(["convert", *map(str, arguments)]) == 0
    told = capsys.readouterr()
    return json.loads(told.out), told.err.splitlines()


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the one line by which a file is refused."""
    assert main([str(one) for one in arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    return line


def written(tmp_path: Path, name: str, content: Any) -> Path:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


@pytest.mark.parametrize("name", RUNS)
def test_a_translated_file_runs(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, output = tmp_path / "new.json", tmp_path / "run"
    assert main(["convert", str(FILES / name), "-o", str(new)]) == 0
    assert all(line.startswith("# ") for line in capsys.readouterr().err.splitlines())
    changes = ["-f", str(new), "-c", "cpu", "-x", f"dataset={json.dumps(SYNTHETIC)}", *RUNS[name]]
    changes += ["-x", "batch_size_valid=16", "-x", "mini_batch_valid=16"]
    assert main([*changes, "--dry-run"]) == 0
    assert main([*changes, "-o", str(output), "--no-visualize"]) == 0
    result = json.loads((output / "result.json").read_text())
    assert (result["status"], json.loads(new.read_text())["epoch"]) == ("finished", 2)


def test_what_maps_to_what(capsys: pytest.CaptureFixture[str]) -> None:
    found, notes = convert(capsys, FILES / "auxiliary_train.json")
    assert found["dataset"] == {
        "name": "imagenet",
        "train_dir": "data/train",
        "train_list": "data/train_label",
        "valid_dir": "data/val",
        "valid_list": "data/val_label",
    }
    assert (found["input_shape"], found["aux_weight"]) == ([3, 32, 32], 0.4)
    assert found["network"]["search_space"] == "pnas"
    assert found["optimizer"]["train"] == {
        "solver": {"name": "Momentum", "lr": 0.025},
        "grad_clip": 5.0,
        "lr_scheduler": {"name": "CosineScheduler"},
    }
    assert (found["algorithm"], found["epoch"]) == ("Trainer", 2)
    assert (found["batch_size_valid"], found["mini_batch_train"]) == (64, 15)
    text = "\n".join(notes)
    for word in ("num_threads: dropped", "64, the default there", "15, a divisor of 60"):
        assert word in text


def test_what_is_dropped_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    found, notes = convert(capsys, FILES / "constrained_search.json")
    constraint = {"name": "MemoryEstimator", "bound": 5000, "weight": 0.1}
    assert found["regularizer"] == {"MemoryEstimator": constraint}
    assert found["optimizer"]["train"]["lr_scheduler"] is None
    assert found["optimizer"]["warmup"]["lr_scheduler"] == {"name": "CosineScheduler"}
    assert (found["cutout"], found["train_portion"]) == (8, 0.9)
    text = "\n".join(notes)
    for key in ("datapath", "transform", "retain_state"):
        assert f"{key}: dropped" in text
    assert "cutout: 8" in text
    found, notes = convert(capsys, FILES / "config_of_a_run.json")
    assert not {"comm", "event", "save_nnp", "config_file"} & found.keys()
    assert "lr_scheduler" not in found["optimizer"]["train"], "a cosine, as in files of that age"
    assert notes[0].startswith("# comm: dropped")


def test_the_defaults_there_are_written_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {
        "network": {"mobilenet": {}},
        "optimizer": {"train": {"name": "Sgd", "lr": 0.1}, "valid": {"name": "Adam"}},
        "regularizer": {"LatencyGraphEstimator": {"bound": 2.0, "ext_name": "cudnn", "n_run": 5}},
    }
    found, notes = convert(capsys, written(tmp_path, "a.json", values))
    sizes = {key: found[key] for key in found if "batch" in key or key == "epoch"}
    assert sizes == {
        "epoch": 50,
        "batch_size_train": 64,
        "batch_size_valid": 64,
        "mini_batch_train": 16,
        "mini_batch_valid": 16,
    }
    assert found["regularizer"]["LatencyGraphEstimator"] == {
        "name": "LatencyEstimator",
        "bound": 2.0,
        "n_run": 5,
    }
    assert found["algorithm"] == "ProxylessNasSearcher"
    assert "# regularizer.LatencyGraphEstimator.ext_name: dropped" in notes
    found, _ = convert(capsys, tmp_path / "a.json", "-a", "DartsSearcher")
    assert found["algorithm"] == "DartsSearcher"


def test_files_of_a_folder_are_put_together(capsys: pytest.CaptureFixture[str]) -> None:
    found, notes = convert(capsys, YAML)
    plain, _ = convert(capsys, FILES / "hparams_search.json")
    assert found["network"] == plain["network"], "the experiment's num_cells, not the network's"
    phase = found["optimizer"]["train"]
    assert (phase["solver"]["lr"], phase["weight_decay"]) == (0.025, 3e-4)
    assert found["output_path"] == "log/darts/search"
    assert found["batch_size_valid"] == 64
    assert any("hparams.started: dropped" in note for note in notes)


def test_what_is_said_to_who_runs_such_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (*FILES.glob("*.json"), YAML):
        line = refusal(capsys, "-f", file)
        assert "nnabla-nas 0.9 or later" in line
        assert f"python -m nnabla_nas convert {file} -o NEW.json" in line
    line = refusal(capsys, "-f", written(tmp_path, "a b.json", {"hparams": {}}))
    assert f"convert '{tmp_path / 'a b.json'}'" in line


def test_an_experiment_of_ours_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    for example in sorted((FILES.parents[2] / "examples").glob("*.json")):
        found, notes = convert(capsys, example)
        assert found == json.loads(example.read_text())
        assert "nothing to translate" in notes[0]


def test_once_for_all_networks_are_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert "OFA" in refusal(capsys, "convert", FILES / "ofa_train.json")


def test_fairnas_is_one_shot_training_with_fair_sampling(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, _ = convert(capsys, FILES / "fairnas_search.json")
    assert found["algorithm"] == {"name": "OneShotTrainer", "sampling": "fair"}
    assert found["network"]["search_space"] == "mobilenet"
    assert found["network"]["skip_connect"] is False


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("{", "not valid JSON", id="no-json"),
        pytest.param("[]", "allowed an experiment", id="list"),
        pytest.param({"hparams": {"input_shapes": []}}, "input_shapes", id="no-input"),
        pytest.param({"hparams": {"input_shapes": [[1], [2]]}}, "one input", id="two-inputs"),
        pytest.param({"hparams": {"loss_weights": [0, 1]}}, "loss_weights", id="no-loss"),
        pytest.param({"hparams": {"loss_weights": "x"}}, "loss_weights", id="no-weights"),
        pytest.param({"dataloader": {"a": {}, "b": {}}}, "dataloader", id="two-loaders"),
    ],
)
def test_what_cannot_be_translated_is_one_line(
    content: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, "convert", written(tmp_path, "a.json", content))
    assert "a.json" in line
    assert said in line


def test_what_is_wrong_in_the_experiment_itself_is_said_all_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"hparams": {"epoch": -1}, "network": {"nowhere": {}}, "dataloader": {"mnist": {}}}
    assert main(["convert", str(written(tmp_path, "a.json", values))]) == 2
    text = capsys.readouterr().err
    for word in ("epoch: got -1", "nowhere", "mnist"):
        assert word in text
    assert "Traceback" not in text


def test_a_file_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = written(tmp_path, "there.json", "mine")
    line = refusal(capsys, "convert", FILES / "hparams_search.json", "-o", there)
    assert "exists already" in line
    assert there.read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("defaults: [../outside]", "outside of the folder", id="escape"),
        pytest.param("defaults: [{..: outside}]", "outside of the folder", id="group"),
        pytest.param("defaults: [/etc/passwd]", "there is no", id="absolute"),
        pytest.param("defaults: [a]", "lead back", id="circle"),
        pytest.param("defaults: [nowhere]", "there is no 'nowhere.yaml'", id="missing"),
        pytest.param("defaults: {a: b}", "allowed a list", id="no-list"),
        pytest.param("defaults: [[1]]", "allowed `GROUP: FILE`", id="no-entry"),
        pytest.param("hparams:\n  epoch: ???", "is left to be given", id="left-out"),
        pytest.param("a: ${b}\nb: ${a}", "circle", id="reference-circle"),
        pytest.param("a: ${b.c}", "refers to nothing", id="dangling"),
        pytest.param("a: 1\na: 2", "given twice", id="twice"),
        pytest.param("a: &x [1, *x]", "levels deep", id="endless"),
        pytest.param("a: 2024-01-02", "allowed what JSON can hold", id="date"),
        pytest.param("a: .nan", "finite", id="nan"),
        pytest.param("a: !!python/object/apply:os.system [ls]", "not valid YAML", id="object"),
        pytest.param("- 1", "allowed keys with values", id="list"),
        pytest.param("a: [", "not valid YAML", id="no-yaml"),
        pytest.param("[" * 5000, "not valid YAML", id="deep"),
    ],
)
def test_a_folder_is_not_trusted(
    content: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, "outside.yaml", "epoch: 1")
    line = refusal(capsys, "convert", written(tmp_path, "conf/a.yaml", content))
    assert said in line


def test_a_few_aliases_do_not_become_a_million_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["a0: &a0 [x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    line = refusal(capsys, "convert", written(tmp_path, "a.yaml", "\n".join(rows)))
    assert "allowed at most 10,000 values" in line


def test_a_link_does_not_lead_out_of_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = written(tmp_path, "outside.yaml", "epoch: 1")
    file = written(tmp_path, "conf/a.yaml", "defaults: [b]")
    (file.parent / "b.yaml").symlink_to(outside)
    assert "outside of the folder" in refusal(capsys, "convert", file)
    found, _ = convert_root(capsys, file, tmp_path)
    assert found["epoch"] == 1


def convert_root(
    capsys: pytest.CaptureFixture[str], file: Path, root: Path
) -> tuple[Any, list[str]]:
    """Return what `convert` writes with a folder that was named."""
    network = "\nnetwork: {search_space: mobilenet}\noptimizer: {train: {name: Sgd, lr: 0.1}}\n"
    file.write_text(file.read_text() + network)
    return convert(capsys, file, "--config-dir", root)
