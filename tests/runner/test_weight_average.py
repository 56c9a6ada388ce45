"""The moving average of the weights: its closed form, where it shows, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.runner.weight_average import WeightAverage


@pytest.mark.parametrize("on_host", [True, False])
def test_older_values_count_less_and_less(on_host: bool) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(7, 3, 2)).astype(np.float32)
    parameter = nn.Variable.from_numpy_array(values[0].copy(), need_grad=True)
    average = WeightAverage({"a": parameter}, 0.7, on_host)
    for value in values[1:]:
        parameter.d = value
        average.update()
    shares = [0.7**6, *(0.3 * 0.7 ** (6 - n) for n in range(1, 7))]
    assert sum(shares) == pytest.approx(1)
    expected = np.tensordot(shares, values, 1)
    np.testing.assert_allclose(average.state_dict()["a"], expected, atol=1e-6)
    with average.applied():
        np.testing.assert_allclose(parameter.d, expected, atol=1e-6)
    np.testing.assert_array_equal(parameter.d, values[-1])
    again = WeightAverage({"a": parameter}, 0.7, on_host)
    again.load_state_dict(average.state_dict())
    for one in (average, again):
        one.update()
    np.testing.assert_array_equal(again.state_dict()["a"], average.state_dict()["a"])


def test_it_is_evaluated_and_saved_beside(
    tmp_path: Path, layers_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    layers_json["optimizer"] = {"train": {"solver": {"name": "Adam", "alpha": 0.01}}}
    layers_json |= {"epoch": 2, "train_portion": 0.75}
    metrics, weights = {}, {}
    for decay in (None, 0.0, 0.9):
        layers_json["algorithm"] = {"name": "Trainer", "ema_decay": decay}
        folder = tmp_path / str(decay)
        config = tmp_path / "experiment.json"
        config.write_text(json.dumps(layers_json))
        assert main(["-f", str(config), "-o", str(folder), "--no-visualize"]) == 0
        metrics[decay] = json.loads((folder / "result.json").read_text())["metrics"]
        weights[decay] = (folder / "weights.h5").read_bytes()
    assert weights[None] == weights[0.0] == weights[0.9]
    assert not (tmp_path / "None" / "weights_ema.h5").exists()
    # Nothing stays: the average is the weights themselves.
    assert (tmp_path / "0.0" / "weights_ema.h5").read_bytes() == weights[None]
    assert (tmp_path / "0.9" / "weights_ema.h5").read_bytes() != weights[None]
    assert "ema_error" not in metrics[None]["test"]
    for part in ("valid", "test"):
        assert metrics[0.0][part]["ema_loss"] == metrics[0.0][part]["loss"]
        assert metrics[0.9][part]["ema_loss"] != metrics[0.9][part]["loss"]
        assert metrics[0.9][part]["loss"] == metrics[None][part]["loss"]
    config.write_text(json.dumps({**layers_json, "algorithm": "Trainer", "select": "ema_error"}))
    assert main(["-f", str(config), "-o", str(tmp_path / "without")]) == 2
    assert "select: got 'ema_error'" in capsys.readouterr().err
