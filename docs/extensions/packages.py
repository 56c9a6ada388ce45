"""The directive `packages`: which package of nnabla_nas imports which, drawn from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import nnabla_nas
from nnabla_nas.artifact.diagram import Diagram, Edge, Node
from nnabla_nas.artifact.drawing import draw

_ROOT = Path(nnabla_nas.__file__).parent
_PICTURE = Path("drawings", "packages.png")
# Every package may import these; arrows to them would hide the others.
_EVERYWHERE = {"errors", "random", "registry"}


class Packages(SphinxDirective):
    """Draws packages above those that they import."""

    def run(self) -> list[nodes.Node]:
        """Return the picture."""
        picture = Path(self.env.srcdir, _PICTURE)
        picture.parent.mkdir(exist_ok=True)
        draw(_diagram(import_graph(_ROOT)), picture, picture.with_suffix(".dot"))
        picture.with_suffix(".dot").unlink()
        return [nodes.image(uri=f"/{_PICTURE.as_posix()}", alt="packages and their imports")]


def import_graph(root: Path) -> nx.DiGraph:
    """Return which package or single module of a root package imports which.

    Args:
        root: the folder of the root package.
    """
    graph = nx.DiGraph()
    for path in sorted(root.rglob("*.py")):
        importer = path.relative_to(root).parts[0].removesuffix(".py")
        if importer in ("__init__", "__main__"):
            continue
        for imported in _imported(path.read_text(encoding="utf-8"), root.name):
            if imported != importer and (
                (root / imported).is_dir() or (root / f"{imported}.py").is_file()
            ):
                graph.add_edge(importer, imported)
    return graph


def _imported(source: str, package: str) -> Iterator[str]:
    """Yield the first name behind the package's in every import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            first, _, rest = module.partition(".")
            if first == package and rest:
                yield rest.split(".")[0]


def _diagram(graph: nx.DiGraph) -> Diagram:
    shown = graph.subgraph(name for name in graph if name not in _EVERYWHERE)
    arrows = sorted(nx.transitive_reduction(shown).edges)
    boxes = tuple(Node(name) for name in sorted(shown))
    notes = (f"imported by all: {', '.join(sorted(_EVERYWHERE & set(graph)))}",)
    title = "packages, each above those that it imports"
    return Diagram(title, boxes, tuple(Edge(*one) for one in arrows), notes=notes)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive.

    Args:
        app: the application.
    """
    app.add_directive("packages", Packages)
    return {"parallel_read_safe": True}
