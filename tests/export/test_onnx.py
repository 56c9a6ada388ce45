"""ONNX files: read again without nnabla, they compute what nnabla computes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import onnx
import pytest

from nnabla_nas.cli import main
from nnabla_nas.dataset.digits import Digits
from nnabla_nas.dataset.inputs import Inputs
from nnabla_nas.errors import NasError
from nnabla_nas.export.network import ExportOptions, build_exported
from nnabla_nas.export.onnx import write_onnx
from nnabla_nas.export.run import export_run
from nnabla_nas.export.trained_run import open_run
from nnabla_nas.search_space import ClassificationModel

SPACES = ("mobilenet", "darts", "pnas", "zoph", "random_wired")
N_IMAGES = 6
# Folded, normalising, batch size; the first two for every space.
VARIANTS = ((False, False, None), (True, True, None), (True, False, 3), (False, True, 3))
# Runs in a process of its own, to which nnabla does not exist.
READER = """
import json, sys
sys.modules["nnabla"] = sys.modules["nnabla_nas"] = None
import numpy as np
import onnxruntime
for line in sys.stdin:
    task = json.loads(line)
    session = onnxruntime.InferenceSession(task["file"], providers=["CPUExecutionProvider"])
    (input,) = session.get_inputs()
    images = np.load(task["images"])
    step = task["batch_size"]
    parts = [images[start : start + step] for start in range(0, len(images), step)]
    np.save(task["outputs"], np.concatenate([session.run(None, {input.name: p})[0] for p in parts]))
    meta = session.get_modelmeta().custom_metadata_map
    print(json.dumps({"input": input.name, "shape": input.shape, "metadata": meta}))
"""


def read_again(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", READER],
        input="\n".join(map(json.dumps, tasks)),
        capture_output=True,
        text=True,
        check=True,
    )
    return list(map(json.loads, done.stdout.splitlines()))


def test_onnx_runtime_agrees_with_nnabla_on_real_images(
    trained_of_space: dict[str, Path], tmp_path: Path
) -> None:
    pixels = Digits().read().test.load(np.arange(N_IMAGES))
    np.save(tmp_path / "pixels.npy", pixels.astype(np.float32))
    tasks, expected = [], []
    for space in SPACES:
        with open_run(trained_of_space[space]) as run:
            inputs = run.inputs.normalise(pixels)
            np.save(tmp_path / "inputs.npy", inputs)
            run.model.apply(training=False)
            logits: Any = run.model(nn.Variable.from_numpy_array(inputs))
            logits.forward()
            for fold, normalise, size in VARIANTS[: 4 if space == "mobilenet" else 2]:
                file = tmp_path / f"{len(tasks)}.onnx"
                options = ExportOptions(size, fold, normalise)
                export_run(run, "onnx", options).rename(file)
                tasks.append(
                    {
                        "file": str(file),
                        "images": str(tmp_path / ("pixels.npy" if normalise else "inputs.npy")),
                        "outputs": str(tmp_path / f"{len(tasks)}.npy"),
                        "batch_size": size or 5,
                    }
                )
                expected.append((space, options, logits.d.copy()))
    answers = read_again(tasks)
    for task, answer, (space, options, logits) in zip(tasks, answers, expected, strict=True):
        outputs = np.load(task["outputs"])
        np.testing.assert_allclose(outputs, logits, atol=1e-4, rtol=0, err_msg=f"{space} {options}")
        assert np.ptp(logits) > 0.1
        assert answer["input"] == "image"
        assert answer["shape"] == [options.batch_size or "batch", 1, 8, 8]
        pixels_in = answer["metadata"]["input"] == "pixels from 0 to 255"
        assert pixels_in == options.normalise


def test_the_file_says_what_it_is(trained_copy: Path) -> None:
    assert main(["export", str(trained_copy), "--format", "onnx"]) == 0
    model = onnx.load(str(trained_copy / "network.onnx"))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    config = json.loads((trained_copy / "config.json").read_text())
    result = json.loads((trained_copy / "result.json").read_text())
    assert json.loads(metadata["classes"]) == list("0123456789")
    assert json.loads(metadata["mean"]) == config["environment"]["inputs"]["mean"]
    assert json.loads(metadata["std"]) == config["environment"]["inputs"]["std"]
    assert json.loads(metadata["input_shape"]) == [1, 8, 8]
    assert metadata["input"] == "(pixel / 255 - mean) / std"
    assert json.loads(metadata["architecture"]) == json.loads(
        (trained_copy / "arch.json").read_text()
    )
    assert json.loads(metadata["metrics"])["test"] == result["metrics"]["test"]
    assert (model.opset_import[0].version, model.ir_version) == (13, 8)


def test_folding_leaves_no_normalisation_behind_a_layer(
    trained_copy: Path, trained_of_space: dict[str, Path]
) -> None:
    def operators(*flags: str) -> Counter[str]:
        assert main(["export", str(trained_copy), "--format", "onnx", *flags]) == 0
        graph = onnx.load(str(trained_copy / "network.onnx")).graph
        return Counter(node.op_type for node in graph.node)

    plain, folded = operators(), operators("--fold-batch-norm")
    assert plain["BatchNormalization"] > 0
    assert folded == plain - Counter({"BatchNormalization": plain["BatchNormalization"]})


def test_packages_that_are_missing_are_named(
    trained_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export", str(trained_copy), "--format", "onnx"]) == 2
    error = capsys.readouterr().err
    assert "the package 'onnx' is missing" in error
    assert "./run.sh --extra onnx" in error
    assert not (trained_copy / "network.onnx").exists()


def test_wrong_arguments_are_one_line(
    trained_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags, said in (
        ([], "the following arguments are required: --format"),
        (["--format", "onxn"], "invalid choice: 'onxn'"),
        (["--format", "onnx", "--batch-size", "0"], "--batch-size: got 0; allowed >= 1"),
    ):
        assert main(["export", str(trained_folder), *flags]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert said in error


class _Sorted(ClassificationModel):
    """Computes what the converter does not know."""

    def call(self, x: nn.Variable) -> nn.Variable:
        return F.sort(F.reshape(x, (x.shape[0], 4)))


def test_what_cannot_be_converted_is_one_line(
    tmp_path: Path, first_image_alone: ClassificationModel
) -> None:
    inputs = Inputs((1, 2, 2), (0.5,), (0.5,), ("a", "b"))
    for model, said in (
        (first_image_alone, "bound to a batch size; export it for one by --batch-size N"),
        (_Sorted(), "cannot be written as ONNX: function Sort is"),
    ):
        network = build_exported(model, inputs, {}, {}, ExportOptions())
        with pytest.raises(NasError, match=said):
            write_onnx(tmp_path / "x.onnx", network)
        assert not (tmp_path / "x.onnx").exists()
    network = build_exported(first_image_alone, inputs, {}, {}, ExportOptions(1))
    write_onnx(tmp_path / "x.onnx", network)
    onnx.checker.check_model(onnx.load(str(tmp_path / "x.onnx")))
