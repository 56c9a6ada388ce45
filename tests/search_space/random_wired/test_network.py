"""Randomly wired networks: determined by the seed, shaped and computed as described."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np
import pytest
from PIL import Image

import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.cli import main
from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.search_space.random_wired import OPERATIONS, RANDOM_CANDIDATES, TrainNet
from nnabla_nas.search_space.random_wired.vertex import Shape, Vertex

SMALL: dict[str, Any] = {
    "n_vertices": 8,
    "input_shape": (3, 12, 9),
    "n_classes": 4,
    "min_channels": 3,
    "max_channels": 9,
}


def build(seed: int = 0, **changes: Any) -> TrainNet:
    with random.use(random.Streams(seed)):
        return TrainNet(**SMALL | changes)


GRAPHS = [{}, {"graph": "erdos_renyi", "p": 0.4}, {"graph": "barabasi_albert", "k": 2}]


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_seed_and_the_arguments_decide_everything(graph: dict[str, Any]) -> None:
    first, again, other = build(1, **graph), build(1, **graph), build(2, **graph)
    assert first.decode() == again.decode()
    assert first.decode() != other.decode()
    for (path, a), (same, b) in zip(
        first.get_parameters().items(), again.get_parameters().items(), strict=True
    ):
        assert path == same
        np.testing.assert_array_equal(a.d, b.d)


def test_two_networks_of_one_run_are_wired_alike() -> None:
    with random.use(random.Streams(5)):
        first, second = TrainNet(**SMALL), TrainNet(**SMALL)
    assert first.decode() == second.decode()


@pytest.mark.parametrize("graph", GRAPHS)
def test_vertices_have_the_shapes_they_say(graph: dict[str, Any]) -> None:
    for seed in range(6):
        model = build(seed, **graph)
        with nn.auto_forward(False):
            assert model(nn.Variable((2, 3, 12, 9))).shape == (2, 4)
        words = model.decode()["vertices"]
        said = [(3, 12, 9)] + [(w["channels"], *w["side"]) for w in words]
        for vertex, own in zip(model._vertices, words, strict=True):
            got = [shape[1:] for shape in vertex.input_shapes]
            assert got == [said[source] for source in own["inputs"]]
            side = tuple(min(s[axis] for s in got) for axis in (1, 2))
            pooled = own["operation"].endswith("Pool2x2")
            assert own["side"] == [n // 2 if pooled and n > 1 else n for n in side]
        assert words[-1]["operation"] == "output"
        assert words[-1]["channels"] == 9
        assert all(3 <= w["channels"] <= 9 for w in words)


def test_every_operation_and_width_is_drawn_about_evenly() -> None:
    drawn = [w for seed in range(60) for w in build(seed).decode()["vertices"][:-1]]
    operations = Counter(w["operation"] for w in drawn)
    channels = Counter(w["channels"] for w in drawn)
    assert set(operations) == set(RANDOM_CANDIDATES)
    assert set(channels) == set(range(3, 10))
    for counts in (operations, channels):
        expected = len(drawn) / len(counts)
        chi_square = sum((n - expected) ** 2 / expected for n in counts.values())
        assert chi_square < 24, counts


def test_only_the_candidates_are_drawn() -> None:
    model = build(candidates=["Conv3x3"])
    assert {w["operation"] for w in model.decode()["vertices"][:-1]} == {"Conv3x3"}


def test_pooling_stops_where_a_side_is_below_two() -> None:
    model = build(0, n_vertices=12, candidates=["AveragePool2x2"], input_shape=(1, 1, 11))
    sides = [w["side"] for w in model.decode()["vertices"]]
    assert {tuple(side) for side in sides} == {(1, 5), (1, 2), (1, 1)}
    with nn.auto_forward(False):
        assert model(nn.Variable((2, 1, 1, 11))).shape == (2, 4)


@pytest.mark.parametrize(("name", "side"), [("MaxPool2x2", (3, 3)), ("AveragePool2x2", (5, 1))])
def test_a_pooling_takes_windows_of_two_by_two(name: str, side: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, *side))
    y = OPERATIONS[name](2, side)(nn.Variable.from_numpy_array(x))
    y.forward()
    rows, columns = side[0] // 2, max(side[1] // 2, 1)
    wide = min(side[1], 2)
    blocks = x[:, :, : rows * 2, : columns * wide].reshape(1, 2, rows, 2, columns, wide)
    expected = blocks.max((3, 5)) if name == "MaxPool2x2" else blocks.mean((3, 5))
    np.testing.assert_allclose(y.d, expected, rtol=1e-6)


def test_a_vertex_projects_pools_and_adds() -> None:
    rng = np.random.default_rng(0)
    shapes = [Shape(3, (8, 6)), Shape(5, (2, 3)), Shape(2, (4, 3))]
    vertex = Vertex(shapes, 4, Mo.Identity()).apply(training=False)
    arrays = [rng.normal(size=(2, s.channels, *s.side)) for s in shapes]
    y = vertex(*[nn.Variable.from_numpy_array(a) for a in arrays])
    y.forward()
    expected = np.zeros((2, 4, 2, 3))
    for array, projection in zip(arrays, vertex._projections, strict=True):
        weights = projection.get_parameters()["0/_W"].d[:, :, 0, 0]
        projected = np.einsum("oc,bchw->bohw", weights, array) / np.sqrt(1 + 1e-5)
        rows, columns = array.shape[2] // 2, array.shape[3] // 3
        blocks = np.maximum(projected, 0).reshape(2, 4, 2, rows, 3, columns)
        expected += blocks.max((3, 5))
    np.testing.assert_allclose(y.d, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_gradient_reaches_every_parameter(graph: dict[str, Any]) -> None:
    model = build(3, **graph)
    x = nn.Variable.from_numpy_array(np.random.default_rng(0).normal(size=(8, 3, 12, 9)))
    t = nn.Variable.from_numpy_array(np.arange(8).reshape(8, 1) % 4)
    loss = model.loss(model(x), t)
    parameters = model.get_parameters(grad_only=True)
    for p in parameters.values():
        p.grad.zero()
    loss.forward()
    loss.backward()
    assert [path for path, p in parameters.items() if not np.isfinite(p.g).all()] == []
    assert [path for path, p in parameters.items() if not p.g.any()] == []


def test_parameters_and_multiply_adds_are_counted_whole() -> None:
    model = build(candidates=["SepConv5x5"], n_vertices=2, graph="barabasi_albert", k=1)
    first, second, last = model.decode()["vertices"]
    assert [w["inputs"] for w in (first, second, last)] == [[0], [1], [2]]
    a, b = first["channels"], second["channels"]
    convolutions = [(3, a), (a, a), (a, b), (b, b), (b, 9)]
    weights = sum(i * o for i, o in convolutions) + 25 * (a + b) + 9 * 4
    scales = 2 * sum(o for _, o in convolutions)
    assert ParameterEstimator().estimate(model, (3, 12, 9)) == weights + scales + 4
    flops = FLOPsEstimator()
    assert flops.estimate(model, (3, 12, 9)) == (weights - 36) * 12 * 9 + 36
    assert flops.uncounted == []
    assert not model.choices()
    assert "2 vertices and the output, 3 edges" in model.summary()


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"made for images of \(3, 12, 9\), got \(3, 12, 12\)"):
        build()(nn.Variable((2, 3, 12, 12)))


def test_weights_start_from_a_file(tmp_path: Path) -> None:
    model = build(1)
    model.save_parameters(str(tmp_path / "weights.h5"))
    other = build(1, weights=str(tmp_path / "weights.h5"), label_smoothing=0.1)
    for a, b in zip(model.get_parameters().values(), other.get_parameters().values(), strict=True):
        np.testing.assert_array_equal(a.d, b.d)
    assert other.label_smoothing == 0.1


def test_the_wiring_is_drawn(tmp_path: Path) -> None:
    model = build(name="mine")
    diagram = model.diagram()
    words = model.decode()["vertices"]
    arrows = [(edge.source, edge.target) for edge in diagram.edges]
    assert arrows == [(str(i), str(w["vertex"])) for w in words for i in w["inputs"]]
    assert "mine" in diagram.title
    assert "watts_strogatz" in diagram.title
    model.visualize(tmp_path / "arch.png")
    with Image.open(tmp_path / "arch.png") as picture:
        assert min(picture.size) > 200


@pytest.fixture
def experiment(search_json: dict[str, Any]) -> dict[str, Any]:
    """Return a small training of a randomly wired network."""
    network = {"min_channels": 4, "max_channels": 8, "n_vertices": 6}
    return search_json | {
        "algorithm": "Trainer",
        "epoch": 1,
        "network": {"search_space": "random_wired", **network},
    }


def run(tmp_path: Path, content: dict[str, Any], *flags: str) -> int:
    (tmp_path / "experiment.json").write_text(json.dumps(content))
    return main(["-f", str(tmp_path / "experiment.json"), *flags])


def test_a_training_is_reproduced_by_its_config(tmp_path: Path, experiment: dict[str, Any]) -> None:
    assert run(tmp_path, experiment, "-o", str(tmp_path / "a"), "--seed", "3") == 0
    config = tmp_path / "a" / "config.json"
    assert main(["-f", str(config), "-o", str(tmp_path / "b"), "--no-visualize"]) == 0
    for name in ("arch.json", "weights.h5"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert json.loads(config.read_text())["network"]["candidates"] == list(RANDOM_CANDIDATES)
    words = json.loads((tmp_path / "a" / "arch.json").read_text())
    assert words["graph"] == "watts_strogatz"
    assert len(words["vertices"]) == 7
    assert words["uncounted"] == []
    assert (tmp_path / "a" / "arch.png").stat().st_size > 1000


@pytest.mark.parametrize("flags", [("-s",), ("-s", "-a", "ProxylessNasSearcher")])
def test_there_is_nothing_to_search(tmp_path, experiment, capsys, flags: tuple[str, ...]) -> None:
    assert run(tmp_path, experiment, *flags, "-o", str(tmp_path / "out")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "search" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_vertices": 1}, "network.n_vertices: got 1"),
        ({"k": 3}, "network.k: got 3; allowed: an even number from 2 to below 6"),
        ({"graph": "watts"}, "network.graph"),
        ({"graph": "erdos_renyi", "p": 1e-6}, "choose a larger p"),
        ({"min_channels": 0}, "network.min_channels: got 0"),
        ({"max_channels": 3}, "network.max_channels: got 3; allowed: from 4"),
        ({"candidates": ["Conv3x2"]}, "did you mean 'Conv3x3'"),
        ({"candidates": []}, "network.candidates: got []"),
        ({"label_smoothing": 1}, "network.label_smoothing: got 1"),
        ({"n_classes": 7}, "network.n_classes"),
        ({"input_shape": [3, 8, 8]}, "network.input_shape"),
    ],
)
def test_wrong_arguments_are_one_line_each(tmp_path, experiment, capsys, change, said) -> None:
    experiment["network"] |= change
    assert run(tmp_path, experiment, "--dry-run") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
