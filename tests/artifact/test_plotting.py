"""Matplotlib as this project uses it: equal bytes everywhere, and nothing left in a home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import nnabla_nas.artifact
from nnabla_nas.artifact.plotting import drawing, to_svg
from nnabla_nas.artifact.probability_map import draw_probabilities

ROOT = Path(nnabla_nas.artifact.__file__).parents[2]
DRAW = """
import sys, warnings
warnings.simplefilter("error")
from nnabla_nas.artifact.probability_map import draw_probabilities
assert "matplotlib" not in sys.modules
draw_probabilities("title", {"row": {"a": 0.25, "b": 0.75}}).save(sys.argv[1])
from matplotlib import font_manager
assert font_manager._get_fontconfig_fonts.cache_info().misses == 0, "all fonts were looked at"
"""


@pytest.mark.parametrize("place", ["home", "configuration"])
def test_pictures_are_the_same_whatever_a_users_settings_and_nothing_is_written(
    tmp_path: Path, place: str
) -> None:
    """The home cannot even be written to: it is a file, or matplotlib's folder is."""
    home = tmp_path / "home"
    (home / ".config" / "matplotlib").mkdir(parents=True)
    (home / ".config" / "matplotlib" / "matplotlibrc").write_text("font.size: 40\nnonsense: 3\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(home), "MPLBACKEND": "none"}
    if place == "configuration":
        (tmp_path / "file").write_text("")
        environment["MPLCONFIGDIR"] = str(tmp_path / "file")
    before = sorted(home.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(tmp_path / "map.png")],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert sorted(home.rglob("*")) == before
    draw_probabilities("title", {"row": {"a": 0.25, "b": 0.75}}).save(tmp_path / "here.png")
    assert (tmp_path / "here.png").read_bytes() == (tmp_path / "map.png").read_bytes()
    with Image.open(tmp_path / "map.png") as picture:
        assert "Software" not in picture.info


def test_an_svg_is_the_same_twice_and_names_are_no_formulas() -> None:
    def svg() -> str:
        with drawing():
            from matplotlib.figure import Figure

            figure = Figure(figsize=(3, 2))
            axes = figure.add_subplot()
            axes.plot([1, 2], [3, 4], "o-")
            axes.set_title("<b>$\\frac$ & \N{CJK UNIFIED IDEOGRAPH-65E5}")
            return to_svg(figure)

    text = svg()
    assert text == svg()
    assert text.startswith("<svg")
    assert "&lt;b&gt;$\\frac$ &amp; \N{CJK UNIFIED IDEOGRAPH-65E5}" in text
    assert "Date" not in text
