"""nnp files: nnabla's own loader reads them and computes the same."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np
import pytest
from nnabla.utils.nnp_graph import NnpLoader

from nnabla_nas.cli import main
from nnabla_nas.dataset.digits import Digits
from nnabla_nas.dataset.inputs import Inputs
from nnabla_nas.errors import NasError
from nnabla_nas.export.network import ExportOptions, build_exported
from nnabla_nas.export.nnp import write_nnp
from nnabla_nas.export.run import export_run
from nnabla_nas.export.trained_run import open_run
from nnabla_nas.search_space import ClassificationModel

N_IMAGES = 5


def computed(file: Path, images: np.ndarray[Any, Any], size: int | None = None) -> Any:
    """Return what a network in a file computes."""
    network = NnpLoader(str(file)).get_network("network", batch_size=size)
    network.inputs["image"].d = images
    logits = network.outputs["logits"]
    logits.forward()
    return logits.d.copy()


@pytest.mark.parametrize("space", ["mobilenet", "darts", "pnas", "zoph", "random_wired"])
def test_nnabla_reads_the_file_and_computes_the_same(
    trained_of_space: dict[str, Path], space: str, tmp_path: Path
) -> None:
    pixels = Digits().read().test.load(np.arange(N_IMAGES))
    with open_run(trained_of_space[space]) as run:
        inputs = run.inputs.normalise(pixels)
        run.model.apply(training=False)
        logits: Any = run.model(nn.Variable.from_numpy_array(inputs))
        logits.forward()
        for fold, normalise in ((False, False), (True, True)):
            file = export_run(run, "nnp", ExportOptions(None, fold, normalise))
            given = pixels.astype(np.float32) if normalise else inputs
            for n in (1, N_IMAGES):
                np.testing.assert_allclose(computed(file, given[:n], n), logits.d[:n], atol=1e-4)
            file.unlink()
        file = export_run(run, "nnp", ExportOptions(N_IMAGES))
        np.testing.assert_allclose(computed(file, inputs), logits.d, atol=1e-4)
        file.unlink()


def test_a_training_writes_its_network_when_asked_to(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    search_json |= {"algorithm": "Trainer", "train_portion": 0.9, "epoch": 2, "seed": 1}
    (tmp_path / "train.json").write_text(json.dumps(search_json))
    run = tmp_path / "run"
    flags = ["-f", str(tmp_path / "train.json"), "-o", str(run), "--no-visualize"]
    assert main([*flags, "--save-nnp"]) == 0
    assert f"the network is in {run / 'network.nnp'}" in capsys.readouterr().out
    test = Digits().read().test
    pixels = test.load(np.arange(len(test.labels)))
    with zipfile.ZipFile(run / "network.nnp") as archive:
        metadata = json.loads(archive.read("metadata.json"))
    mean, std = (np.reshape(metadata[key], (-1, 1, 1)) for key in ("mean", "std"))
    logits = computed(run / "network.nnp", (pixels / 255 - mean) / std, len(pixels))
    error = np.mean(logits.argmax(axis=1) != test.labels)
    # That of the weights kept, which need not be the last ones.
    assert error == pytest.approx(metadata["metrics"]["test"]["error"], abs=1e-6)
    assert (
        metadata["metrics"]["test"]
        == json.loads((run / "result.json").read_text())["metrics"]["test"]
    )


def test_a_search_says_that_it_keeps_no_network(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    search_json |= {"epoch": 0, "warmup": 0}
    (tmp_path / "search.json").write_text(json.dumps(search_json))
    flags = ["-f", str(tmp_path / "search.json"), "-o", str(tmp_path / "run")]
    assert main([*flags, "--save-nnp", "--no-visualize"]) == 0
    assert "--save-nnp is not used" in capsys.readouterr().out
    assert not (tmp_path / "run" / "network.nnp").exists()


def test_a_network_bound_to_its_batch_size_is_refused(
    tmp_path: Path, first_image_alone: ClassificationModel
) -> None:
    inputs = Inputs((1, 2, 2), (0.5,), (0.5,), ("a", "b"))
    network = build_exported(first_image_alone, inputs, {}, {}, ExportOptions())
    with pytest.raises(NasError, match="export it for one by --batch-size N"):
        write_nnp(tmp_path / "x.nnp", network)
