"""Pictures by matplotlib: equal bytes on every machine, and nothing left in anybody's home."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

INK = "#101418"
# One point is one pixel, so that sizes of fonts are heights in pixels.
DPI = 72
_MODULES = ("figure", "style", "backends.backend_agg", "backends.backend_svg", "font_manager")
_FONTS = {"DejaVuSans.ttf": 400, "DejaVuSans-Bold.ttf": 700}
# The form of matplotlib's list of fonts; if it is another one, all fonts are looked at again.
_LIST_VERSION = 390
_STYLE: dict[str, Any] = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "axes.titlesize": 14,
    "axes.labelsize": 12,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#5f6b7a",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": "#dfe3e8",
    "legend.frameon": False,
    # Names come from users and may hold what is a formula to matplotlib.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "nnabla_nas",
}


@contextmanager
def drawing() -> Iterator[None]:
    """Give what is drawn and saved in the block the project's style, whatever the user's is."""
    load()
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        # A letter that the font lacks is a box, not a fault.
        warnings.filterwarnings(
            "ignore", message=r"Glyph .* missing from font", category=UserWarning
        )
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def load() -> None:
    """Import matplotlib without its reading a user's settings or looking through all fonts.

    It would write a list of the fonts it finds to the user's home, and complain where it cannot.
    """
    if "matplotlib.font_manager" in sys.modules:
        return
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
    data = Path(spec.origin).parent / "mpl-data"
    folder = tempfile.mkdtemp(prefix="nnabla_nas-")
    kept = {name: os.environ.get(name) for name in ("MPLCONFIGDIR", "MATPLOTLIBRC", "MPLBACKEND")}
    try:
        fonts = Path(folder) / f"fontlist-v{_LIST_VERSION}.json"
        fonts.write_text(json.dumps(_font_list()))
        os.environ["MPLCONFIGDIR"] = folder
        os.environ["MATPLOTLIBRC"] = str(data / "matplotlibrc")
        os.environ.pop("MPLBACKEND", None)
        for module in _MODULES:
            importlib.import_module(f"matplotlib.{module}")
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)


def to_image(figure: Figure) -> Image:
    """Return a figure as a picture.

    Args:
        figure: what to show.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image as PillowImage

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return PillowImage.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def to_svg(figure: Figure) -> str:
    """Return a figure as an `<svg>` element, its letters as text.

    Args:
        figure: what to show.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(stream, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _font_list() -> dict[str, Any]:
    """Return matplotlib's list of fonts, with those that it brings along only."""
    fonts = [
        {
            "fname": f"fonts/ttf/{file}",
            "name": "DejaVu Sans",
            "style": "normal",
            "variant": "normal",
            "weight": weight,
            "stretch": "normal",
            "size": "scalable",
            "__class__": "FontEntry",
        }
        for file, weight in _FONTS.items()
    ]
    return {
        "_version": _LIST_VERSION,
        "_FontManager__default_weight": "normal",
        "default_size": None,
        "defaultFamily": {"ttf": "DejaVu Sans", "afm": "Helvetica"},
        "afmlist": [],
        "ttflist": fonts,
        "__class__": "FontManager",
    }
