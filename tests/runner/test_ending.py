"""What a run ends with: the same lines on the console, in log.txt and in TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.artifact.progress import Progress
from nnabla_nas.artifact.result import Result
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.cli import main
from nnabla_nas.runner.ending import bound_in_words, early_ending, ending

FINISHED: dict[str, Any] = {
    "status": "finished",
    "algorithm": "Trainer",
    "search": False,
    "seed": 0,
    "metrics": {
        "train": {"loss": 0.1, "error": 0.01},
        "valid": {"loss": 0.2, "error": 0.1, "examples": 100},
        "test": {"loss": 0.3, "error": 0.2, "examples": 1600},
    },
    "epochs": 5,
    "updates": 1200,
    "wall_clock_seconds": 72.4,
    "device_seconds": 60.0,
    "parameters": 12345,
    "multiply_adds": 6789000,
    "weights_epoch": 3,
}


def lines(**changes: Any) -> dict[str, str]:
    """Return the block of a result by the words that its lines begin with."""
    head, *rows = ending(Result(**{**FINISHED, **changes}), RunFolder("log/x")).split("\n")
    return {"head": head} | {
        name.strip(): text for name, text in (r[2:].split("  ", 1) for r in rows)
    }


def test_a_training_ends_with_its_result() -> None:
    said = {name: text.strip() for name, text in lines().items()}
    assert said == {
        "head": "finished after 5 epochs, 1,200 updates",
        "test": "loss 0.3, error 20.00 % ± 1.00 % (standard error), 1,600 images",
        "validation": "loss 0.2, error 10.00 % ± 3.00 % (standard error), 100 images",
        "weights": "of epoch 3, the one with the lowest validation error",
        "parameters": "12,345",
        "multiply-adds": "6,789,000 per example",
        "time": "1 min 12 s, 1 min 0 s of it on the device",
        "files": "log/x",
        "next": "python main.py evaluate log/x",
    }


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        ({"search": True}, "those of the super-network at the end"),
        ({"epochs": 0}, "as they were before the first update"),
        (
            {"metrics": {"test": FINISHED["metrics"]["test"]}, "weights_epoch": 5},
            "of epoch 5, the last: no validation images chose one",
        ),
    ],
)
def test_it_says_which_weights_are_kept_and_why(changes: dict[str, Any], weights: str) -> None:
    assert lines(**changes)["weights"].strip() == weights


def test_a_run_that_diverged_names_no_weights_and_no_next_command() -> None:
    said = lines(status="diverged", metrics={}, epochs=1, updates=1)
    assert said["head"] == "diverged after 1 epoch, 1 update"
    assert set(said) == {"head", "parameters", "multiply-adds", "time", "files"}


def test_what_was_not_counted_and_why_it_stopped_is_said() -> None:
    said = lines(uncounted=["Sort"], stopped="too many skip connections")
    assert said["head"].endswith("1,200 updates: too many skip connections")
    assert said["multiply-adds"].endswith("; not counted: Sort")


BOUND = {"estimator": "FLOPsEstimator", "unit": "multiply-adds", "bound": 2e6, "hard": False}


def test_a_bound_is_met_or_missed_by_a_share_of_it() -> None:
    missed = {**BOUND, "value": 3_600_000, "met": False, "missed_by": 0.8}
    met = {**BOUND, "value": 1_000_000, "met": True, "missed_by": 0.0, "hard": True}
    said = lines(constraints={"speed": missed, "other": met})
    assert said["bound speed"].strip() == (
        "FLOPsEstimator 3.6e+06 multiply-adds; soft bound 2e+06 multiply-adds: missed by 80.00%"
    )
    assert said["bound other"].endswith("hard bound 2e+06 multiply-adds: met")


def test_a_bound_on_a_measured_network_says_what_was_measured() -> None:
    measured = {"whole_median_ms": 4.25, "whole_spread_ms": 0.5}
    one = {**BOUND, "unit": "ms", "bound": 5.0, "value": 3.5, "hard": True, "met": True}
    text = bound_in_words({**one, "missed_by": 0.0, "measured": measured})
    assert "3.5 ms, 4.25 ms measured whole; hard bound 5 ms: met" in text


def test_a_run_that_was_stopped_says_how_it_goes_on() -> None:
    progress = Progress(phase="train", step=7, seconds=3.0)
    head, *rows = early_ending("interrupted", progress, RunFolder("log/x")).split("\n")
    assert head == "interrupted after 7 updates"
    assert rows[-1].split("  ")[-1].strip() == (
        "python main.py -f log/x/config.json -o log/x --resume"
    )


def texts(folder: Path) -> list[str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    tensors = events.Tensors("result/text_summary")
    return [one.tensor_proto.string_val[0].decode().strip("`\n") for one in tensors]


def said_by(folder: Path, out: str, head: str) -> str:
    """Return the block that begins with `head`, once it is known to be the same everywhere."""
    block = out[out.index(head) :].rstrip("\n")
    logged = [
        line[len("2026-01-01 00:00:00 ") :]
        for line in (folder / "log.txt").read_text().splitlines(True)
    ]
    assert "".join(logged)[-len(block) - 1 :].rstrip("\n") == block
    assert texts(folder)[-1] == block
    return block


def test_the_last_lines_of_a_training_are_its_result_everywhere(
    layers_json: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    layers_json |= {"algorithm": "Trainer", "train_portion": 0.75}
    layers_json["regularizer"] = {"size": {"name": "MemoryEstimator", "bound": 100}}
    config, folder = tmp_path / "train.json", tmp_path / "train"
    config.write_text(json.dumps(layers_json))
    assert main(["-f", str(config), "-o", str(folder), "--no-visualize"]) == 0
    block = said_by(folder, capsys.readouterr().out, "finished after 2 epochs")
    result = json.loads((folder / "result.json").read_text())
    test, bound = result["metrics"]["test"], result["constraints"]["size"]
    assert f"error {100 * test['error']:.2f} %" in block
    assert f"of epoch {result['weights_epoch']}, " in block
    assert bound["missed_by"] == pytest.approx(bound["value"] / 100 - 1)
    assert f"missed by {bound['missed_by']:.2%}" in block
    # What is printed can be run, and says the same figures.
    command = block.split("\n")[-1].split("  ")[-1].split()
    assert command[:2] == ["python", "main.py"]
    assert main(command[2:]) == 0
    assert f"error {100 * test['error']:.2f} %" in capsys.readouterr().out


def test_a_failure_ends_with_a_block_too(
    layers_json: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: Any) -> None:
        raise RuntimeError("no more")

    config, folder = tmp_path / "search.json", tmp_path / "search"
    config.write_text(json.dumps(layers_json))
    with monkeypatch.context() as patch:
        patch.setattr("nnabla_nas.runner.runner.Runner._report_update", fail)
        assert main(["-f", str(config), "-o", str(folder), "--no-visualize"]) == 1
    out, error = capsys.readouterr()
    assert error.count("\n") == 1
    block = out[out.index("failed after 1 update") :]
    command = block.splitlines()[-1].split("  ")[-1].split()
    assert main([*command[2:], "--no-visualize"]) == 0
    assert "finished after 3 epochs" in capsys.readouterr().out
