"""What the real TensorBoard serves about a search and the training that follows."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnabla_nas.cli import main

HEALTH = {
    "loss": ["loss/train", "loss/valid"],
    "error": ["error/train", "error/valid"],
    "entropy of the choices (nats)": ["arch/entropy"],
    "changed choices": ["arch/changes"],
    "reward": ["reward"],
}


def run(config: dict[str, Any], output: Path, *flags: str) -> Path:
    path = output.with_name(f"{output.name}.json")
    path.write_text(json.dumps(config))
    assert main(["-f", str(path), "-o", str(output), *flags]) == 0
    return output


def events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / "tensorboard"))
    read.Reload()
    return read


def test_the_page_of_a_search_shows_its_health(
    tmp_path: Path,
    search_json: dict[str, Any],
    tensorboard: Callable[[Path, str], Callable[[str], Any]],
) -> None:
    (tmp_path / "log").mkdir()
    flops = {"name": "FLOPsEstimator", "bound": 40000}
    search_json["regularizer"] = {"speed": flops, "other": flops}
    run(search_json, tmp_path / "log" / "search")
    ask = tensorboard(tmp_path / "log", "search/tensorboard")
    tags = set(ask("scalars/tags")["search/tensorboard"])
    health, costs = ask("custom_scalars/layout")["category"]
    shown_costs = [
        {tag for tag in tags if re.match(chart["multiline"]["tag"][0], tag)}
        for chart in costs["chart"]
    ]
    assert shown_costs == [
        {tag, f"{tag}/expected", f"{tag}/bound"}
        for tag in ("FLOPsEstimator", "FLOPsEstimator/other")
    ]
    series = ask("scalars/scalars?tag=FLOPsEstimator%2Fbound&run=search%2Ftensorboard")
    assert [(step, value) for _, step, value in series] == [(4, 40000), (6, 40000)]
    charts = {chart["title"]: chart["multiline"]["tag"] for chart in health["chart"]}
    for title, shown in HEALTH.items():
        matched = {tag for tag in tags if any(re.fullmatch(one, tag) for one in charts[title])}
        assert matched >= set(shown)
    assert tags >= {"time/step", "time/data", "size/parameters", "result/error_valid"}

    images = ask("images/tags")["search/tensorboard"]
    assert set(images) == {"arch", "arch/probabilities"}
    series = ask("images/images?tag=arch%2Fprobabilities&run=search%2Ftensorboard&sample=0")
    assert [one["step"] for one in series] == [2, 4, 6]

    histograms = ask("histograms/tags")["search/tensorboard"]
    assert set(histograms) == {f"parameter/_features/{i}/_mixed/_alpha" for i in (2, 3, 4)}
    assert ask("graphs/info")["search/tensorboard"]["run_graph"] is True
    texts = ask("text/text?run=search%2Ftensorboard&tag=config%2Ftext_summary")
    assert "ProxylessNasSearcher" in texts[0]["text"]


def test_a_search_leaves_one_run_with_its_network_and_final_metrics(
    tmp_path: Path, search_json: dict[str, Any]
) -> None:
    folder = run(search_json, tmp_path / "search")
    assert len(list((folder / "tensorboard").iterdir())) == 1
    read = events(folder)
    words = json.loads((folder / "arch.json").read_text())
    nodes = {node.name: node for node in read.Graph().node}
    for choice in words["choices"]:
        inside = [name for name in nodes if name.startswith(f"{choice['path']}/_ops/")]
        # Only the operation that was decoded, and not the others.
        assert {name.split("/")[4] for name in inside} <= {str(choice["index"])}
    assert sum(node.op == "Input" for node in nodes.values()) == 1
    sources = {source for node in nodes.values() for source in node.input}
    assert sources <= set(nodes)
    assert {node.op for node in nodes.values()} >= {"Convolution", "BatchNormalization", "Affine"}
    result = json.loads((folder / "result.json").read_text())
    (final,) = read.Scalars("result/error_valid")
    assert final.value == pytest.approx(result["metrics"]["valid"]["error"])
    assert final.step == result["updates"]
    plugins = {
        tag: read.summary_metadata[tag].plugin_data.plugin_name
        for tag in read.summary_metadata
        if tag.startswith("_hparams_")
    }
    assert set(plugins.values()) == {"hparams"}
    assert len(plugins) == 3


def test_the_heat_map_shows_the_probabilities_that_arch_json_tells(
    tmp_path: Path, search_json: dict[str, Any]
) -> None:
    search_json["optimizer"]["valid"]["solver"]["alpha"] = 2.0
    folder = run(search_json, tmp_path / "search")
    shown = events(folder).Images("arch/probabilities")
    pictures = [
        np.asarray(Image.open(io.BytesIO(one.encoded_image_string)).convert("RGB")) for one in shown
    ]
    # In warm-up all candidates are equal, so that the columns look alike; later they differ.
    assert [one.step for one in shown] == [2, 4, 6]
    assert (pictures[0] != pictures[2]).any()


def test_without_pictures_there_are_curves_still(
    tmp_path: Path, search_json: dict[str, Any]
) -> None:
    folder = run(search_json | {"epoch": 1, "warmup": 0}, tmp_path / "search", "--no-visualize")
    tags = events(folder).Tags()
    assert tags["images"] == []
    assert "arch/entropy" in tags["scalars"]
    assert tags["histograms"]
    assert tags["graph"]


def test_a_training_shows_test_error_and_its_own_layout(
    tmp_path: Path, search_json: dict[str, Any]
) -> None:
    folder = run(search_json | {"algorithm": "Trainer", "epoch": 1}, tmp_path / "train")
    read = events(folder)
    tags = read.Tags()
    assert {"error/test", "result/error_test", "learning_rate/train"} <= set(tags["scalars"])
    assert tags["histograms"] == []
    assert tags["images"] == ["arch"]
    layout = read.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
    assert b"training" in layout
    assert b"search health" not in layout


def test_the_table_of_runs_begins_with_experiment_seed_error_and_costs(
    trained_folder: Path, tensorboard: Callable[[Path, str], Callable[[str], Any]]
) -> None:
    ask = tensorboard(trained_folder.parent, "run/tensorboard")
    table = ask("hparams/experiment?request=%7B%7D")
    assert [one["name"] for one in table["hparamInfos"]] == ["experiment", "seed"]
    # TensorBoard shows the first five.
    assert [one["name"]["tag"] for one in table["metricInfos"]][:5] == [
        "result/error_test",
        "result/parameters",
        "result/multiply_adds",
        "result/seconds",
        "result/error_valid",
    ]
    result = json.loads((trained_folder / "result.json").read_text())
    read = events(trained_folder)
    (parameters,) = read.Scalars("result/parameters")
    assert parameters.value == result["parameters"]
