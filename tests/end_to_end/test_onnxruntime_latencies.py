"""The example that fills a latency table from ONNX Runtime."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.estimator import LatencyEstimator
from nnabla_nas.search_space.mobilenet import SearchNet

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "onnxruntime_latencies.py"


@pytest.fixture
def example() -> dict[str, Any]:
    pytest.importorskip("onnxruntime")
    return runpy.run_path(str(SCRIPT))


def test_a_search_reads_the_table(
    example: dict[str, Any], tmp_path: Path, search_json: dict[str, Any]
) -> None:
    table, config = tmp_path / "table.json", tmp_path / "search.json"
    speed = {"name": "LatencyTable", "path": str(table), "bound": 1e3, "hard": True}
    config.write_text(json.dumps({**search_json, "epoch": 1, "regularizer": {"speed": speed}}))
    flags = ["-f", str(config), "-o", str(table), "--n-run", "5", "--n-warmup", "1"]
    assert example["main"](flags) == 0
    content = json.loads(table.read_text())
    assert content["device"].startswith("ONNX Runtime")
    assert content["calling_ms"] > 0
    settings = {**search_json["network"], "in_channels": 1, "num_classes": 10}
    del settings["search_space"]
    nnabla = LatencyEstimator("cpu", 1, 0)
    nnabla.cost_table(SearchNet(**settings), (1, 8, 8))
    assert len(content["operations"]) == len(nnabla.latencies)
    assert main(["-f", str(config), "-o", str(tmp_path / "run"), "--no-visualize"]) == 0
    words = json.loads((tmp_path / "run" / "arch.json").read_text())["constraints"]["speed"]
    assert words["met"]
    assert 0 < words["value"] < 1e3
    # A table of another device: there is no network of it here to measure.
    assert "attempts" not in words


def test_an_operation_alone_computes_what_nnabla_computes(
    example: dict[str, Any], tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = SearchNet(10, 1, [[16, 1, 1]], candidates=["MB3 3x3"], in_channels=1)
    parameters = set(model.get_parameters().values())
    (network,) = example["covering_networks"](model, (1, 8, 8))[:1]
    functions = {one.info.type_name: one for one in example["functions_of"](network)}
    assert {"Convolution", "BatchNormalization", "ReLU6", "Affine"} <= functions.keys()
    generator = np.random.default_rng(1)
    for name, function in functions.items():
        inputs = [example["nn"].Variable(v.shape) for v in function.inputs]
        seed_zero = np.random.default_rng(0)
        data = {}
        for number, (old, new) in enumerate(zip(function.inputs, inputs, strict=True)):
            new.d = seed_zero.uniform(0.5, 1.5, new.shape)
            if old not in parameters:
                new.d = data[f"x{number}"] = generator.normal(size=new.shape).astype(np.float32)
        alone = example["export_alone"](function, parameters, tmp_path)
        session = onnxruntime.InferenceSession(alone.SerializeToString())
        (found,) = session.run(None, data)
        expected = function(*inputs)
        expected.forward()
        np.testing.assert_allclose(found, expected.d, rtol=1e-4, atol=1e-4, err_msg=name)


def test_wrong_input_is_one_line(
    example: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["-f", str(tmp_path / "absent.json")]
    for flags in (
        [*config, "-o", str(tmp_path / "table.json")],
        [*config, "-o", str(tmp_path / "absent" / "table.json")],
        [*config, "-o", str(tmp_path / "table.json"), "--n-run", "0"],
    ):
        assert example["main"](flags) == 2
        assert capsys.readouterr().err.startswith("error: ")
