from __future__ import annotations

import importlib.metadata
import stat
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from nnabla_nas.artifact import Diagram, Edge, Group, Node, draw
from nnabla_nas.artifact.drawing import find_graphviz_pure
from nnabla_nas.artifact.simple_picture import SimplePicture


def mobilenet(length: int) -> Diagram:
    nodes = [Node("stem", ("conv 3x3", "32 channels"), "stem")]
    for index in range(length):
        size = f"{3 + 2 * (index % 3)}x{3 + 2 * (index % 3)}"
        lines = (f"MB6 {size}", f"{24 + index} channels, p = 0.91")
        nodes.append(Node(f"block {index}", lines, f"inverted_residual_{size}", 1 + index % 2))
    nodes.append(Node("head", ("linear", "10 \N{MULTIPLICATION SIGN} classes"), "head"))
    names = [node.name for node in nodes]
    edges = [Edge(a, b) for a, b in pairwise(names)]
    return Diagram("mobilenet", tuple(nodes), tuple(edges), (Group("stage 1", tuple(names[1:4])),))


def cell() -> Diagram:
    edges = (Edge("in", "a", "sep_conv"), Edge("a", "out"), Edge("in", "b"), Edge("b", "out"))
    nodes = tuple(map(Node, ("in", "a", "b", "out")))
    return Diagram("cell", nodes, (*edges, Edge("in", "out", "skip")), (Group("c", ("a", "b")),))


@pytest.fixture
def path_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def no_graphviz_pure(tmp_path: Path, path_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setattr(importlib.metadata, "files", not_installed)


def script(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def drawn(diagram: Diagram, folder: Path) -> tuple[str, Image.Image]:
    how = draw(diagram, folder / "arch.png", folder / "arch.dot")
    assert (folder / "arch.dot").read_text().startswith("digraph {")
    with Image.open(folder / "arch.png") as picture:
        assert picture.format == "PNG"
        return how, picture.convert("RGB")


def colours(picture: Image.Image) -> set[str]:
    counted = picture.getcolors(picture.width * picture.height)
    assert counted is not None
    return {"#{:02x}{:02x}{:02x}".format(*colour) for _, colour in counted}


@pytest.mark.usefixtures("path_folder")
def test_graphviz_pure_draws_without_a_dot(tmp_path: Path) -> None:
    how, picture = drawn(mobilenet(21), tmp_path)
    assert how == "drawn with graphviz-pure; dot is not installed"
    assert 600 < picture.width < 1400
    assert 600 < picture.height < 1400
    assert {node.colour for node in mobilenet(21).nodes} <= colours(picture)


def test_a_dot_on_path_comes_first(tmp_path: Path, path_folder: Path) -> None:
    graphviz_pure = find_graphviz_pure()
    marker = tmp_path / "called"
    script(path_folder, "dot", f'echo "$@" > {marker}\nexec {graphviz_pure} "$@"')
    how, picture = drawn(cell(), tmp_path)
    assert how == "drawn with dot"
    assert marker.read_text() == "-Tpng\n"
    assert picture.width > 100


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("echo 'no libexpat' >&2; exit 3", "no libexpat"),
        ("exit 3", "exit code 3"),
        ("echo no picture", "exit code 0"),
    ],
)
def test_a_failing_dot_is_passed_over(
    tmp_path: Path, path_folder: Path, text: str, failure: str
) -> None:
    script(path_folder, "dot", text)
    how, _ = drawn(cell(), tmp_path)
    assert how == f"drawn with graphviz-pure; dot failed: {failure}"


def test_a_dot_that_hangs_is_given_up(
    tmp_path: Path, path_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnabla_nas.artifact.drawing._TIMEOUT_SECONDS", 0.2)
    script(path_folder, "dot", "while :; do :; done")
    how = draw(cell(), tmp_path / "arch.png", tmp_path / "arch.dot")
    assert "dot failed: no picture after 0.2 seconds" in how


@pytest.mark.usefixtures("no_graphviz_pure")
@pytest.mark.parametrize(
    "diagram", [mobilenet(21), mobilenet(3), cell()], ids=["long", "short", "cell"]
)
def test_matplotlib_draws_without_any_binary(tmp_path: Path, diagram: Diagram) -> None:
    how, picture = drawn(diagram, tmp_path)
    assert how == (
        "drawn simply, without graphviz; dot is not installed; graphviz-pure is not installed"
    )
    assert {node.colour for node in diagram.nodes} <= colours(picture)
    assert 150 < picture.width < 1200
    assert 200 < picture.height < 1400
    edge = [picture.getpixel((x, y)) for x in (0, picture.width - 1) for y in range(picture.height)]
    assert set(edge) == {(255, 255, 255)}


def test_graphviz_pure_is_found_beside_python_on_path_and_in_its_package(
    tmp_path: Path, path_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = find_graphviz_pure()
    assert beside == str(Path(sys.executable).parent / "graphviz-pure")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    installed = find_graphviz_pure()
    assert installed is not None
    assert Path(installed).samefile(beside)
    script(path_folder, "graphviz-pure", "exit 0")
    assert find_graphviz_pure() == str(path_folder / "graphviz-pure")


@pytest.mark.parametrize("kinds", [["conv_3x3"], ["conv_3x3", "stem", "max_pool_3x3"]])
@pytest.mark.usefixtures("path_folder")
def test_boxes_of_the_legend_keep_their_size_under_a_long_title(
    tmp_path: Path, kinds: list[str]
) -> None:
    nodes = (Node("in", (), "input"), *(Node(kind, ("a box",), kind) for kind in kinds))
    edges = tuple(Edge(a.name, b.name) for a, b in pairwise(nodes))
    how, picture = drawn(Diagram("a long title " * 9, nodes, edges), tmp_path)
    assert how.startswith("drawn with graphviz-pure")
    colour = tuple(bytes.fromhex(nodes[1].colour[1:]))
    rows = [
        [x for x in range(picture.width) if picture.getpixel((x, y)) == colour]
        for y in range(picture.height)
    ]
    widths = [row[-1] - row[0] for row in rows if row]
    # The legend is above the box; a box is 1.15 inches wide, at 110 dots an inch.
    assert 15 < widths[0] < 40
    assert max(widths) > 120


def test_a_path_in_columns_is_wider_than_high_enough_to_read(tmp_path: Path) -> None:
    pictures = {}
    for length in (8, 21):
        # Without kinds, and so without a legend that would be wider than a column.
        plain = [replace(node, kind="") for node in mobilenet(length).nodes]
        SimplePicture(replace(mobilenet(length), nodes=tuple(plain))).save(tmp_path / "arch.png")
        with Image.open(tmp_path / "arch.png") as picture:
            pictures[length] = picture.size
    assert pictures[21][0] > 1.8 * pictures[8][0]
    assert pictures[21][1] < 1.3 * pictures[8][1]


@pytest.mark.parametrize(
    "nodes",
    [(), (Node("only", ("é \N{MULTIPLICATION SIGN} \N{EM DASH}", ""), "fixed"),)],
)
@pytest.mark.usefixtures("path_folder")
def test_odd_diagrams_are_drawn_by_both(tmp_path: Path, nodes: tuple[Node, ...]) -> None:
    diagram = Diagram("", nodes, ())
    how, _ = drawn(diagram, tmp_path)
    assert how.startswith("drawn with graphviz-pure")
    SimplePicture(diagram).save(tmp_path / "simple.png")
    with Image.open(tmp_path / "simple.png") as picture:
        assert picture.width > 20
