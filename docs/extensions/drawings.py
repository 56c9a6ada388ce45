"""The directive `drawing`: a network of a search space, drawn by the package itself.

```{drawing} mobilenet SearchNet
:arguments: {"settings": [[24, 2, 2]]}
A caption.
```
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from nnabla_nas import random
from nnabla_nas.registry import search_spaces

_FOLDER = "drawings"
_SEED = 1


class Drawing(SphinxDirective):
    """Draws a network with architecture parameters as a search might leave them."""

    required_arguments = 2
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"arguments": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return a figure."""
        space, network = self.arguments
        given = self.options.get("arguments", "{}")
        key = hashlib.sha256(f"{space} {network} {given}".encode()).hexdigest()[:12]
        picture = Path(self.env.srcdir, _FOLDER, f"{space}-{network}-{key}.png")
        picture.parent.mkdir(exist_ok=True)
        _draw(space, network, json.loads(given), picture)
        figure = nodes.figure()
        alt = f"drawing of a {space} {network}"
        figure += nodes.image(uri=f"/{_FOLDER}/{picture.name}", alt=alt)
        caption = nodes.caption()
        caption += nodes.Text(" ".join(self.content))
        figure += caption
        return [figure]


def _draw(space: str, network: str, arguments: dict[str, Any], picture: Path) -> None:
    from nnabla_nas.search_space.random_architectures import scatter_alphas

    with random.use(random.Streams(_SEED)):
        model = getattr(search_spaces.get(space), network)(**arguments)
        scatter_alphas(model, _SEED)
        model.visualize(picture, picture.with_suffix(".dot"))
    picture.with_suffix(".dot").unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive.

    Args:
        app: the application.
    """
    app.add_directive("drawing", Drawing)
    return {"parallel_read_safe": True}
