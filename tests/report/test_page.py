"""report.html, as text and in a browser."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nnabla_nas.report import compare
from nnabla_nas.testing.run_folders import write_run, write_study

ODD = "<script>alert('$x_1$')</script> & \N{CJK UNIFIED IDEOGRAPH-65E5} \x1b"
VOID = {"meta", "link", "br", "img"}
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--virtual-time-budget=4000", "--dump-dom"),
)
# Runs in the page: sorts, measures, and tells the page around it.
PROBE = """
const told = {refused: [], errors: [], orders: {}};
addEventListener("securitypolicyviolation", event => told.refused.push(event.blockedURI));
addEventListener("error", event => told.errors.push(event.message));
addEventListener("load", () => {
  const table = document.getElementById("groups-table");
  const names = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent.trim());
  const heads = [...table.tHead.rows[0].cells];
  told.orders.start = names();
  for (const [index, head] of heads.entries()) {
    const title = head.textContent;
    head.querySelector("button").click();
    told.orders[title + " up"] = names();
    head.querySelector("button").click();
    told.orders[title + " down"] = names();
  }
  told.asked = performance.getEntriesByType("resource").map(entry => entry.name);
  told.width = innerWidth;
  told.widest = document.documentElement.scrollWidth;
  told.pictures = [...document.querySelectorAll("figure svg, figure img")].map(
    picture => picture.getBoundingClientRect().width);
  parent.postMessage(JSON.stringify(told), "*");
});
"""
AROUND = """<!DOCTYPE html><meta charset="utf-8"><pre id="told">[]</pre>
<iframe src="page.html" style="width:1280px;height:800px"></iframe>
<iframe src="page.html" style="width:390px;height:800px"></iframe>
<script>addEventListener("message", event => {
  const place = document.getElementById("told");
  place.textContent = JSON.stringify([...JSON.parse(place.textContent), JSON.parse(event.data)]);
});</script>"""


class Checked(HTMLParser):
    """Checks that elements are closed in order, and collects what is asked of elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.scripts = 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.scripts += tag == "script"
        names = {"src", "href", "xlink:href", "action", "srcset", "data"}
        self.addresses += [value or "" for name, value in attributes if name in names]

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(folder: Path, out: Path, **options: Any) -> str:
    """Return report.html of some runs."""
    compare([folder], **options).write(out)
    return (out / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def whole_study(study: Path) -> Path:
    """Return a study with searches, drawings and a run that failed."""
    for seed in range(3):
        write_run(study / "search" / f"seed-{seed}", seed, 0.3, search=True)
    for name in ("found", "random"):
        for seed in range(6):
            Image.new("RGB", (900, 30), "red").save(study / name / f"seed-{seed}" / "arch.png")
    (study / "other" / "seed-5" / "result.json").write_text("{")
    return study


def test_the_page_holds_everything_and_asks_for_nothing(whole_study: Path, tmp_path: Path) -> None:
    text = page(whole_study, tmp_path, against="random")
    checked = Checked(text)
    assert all(one.startswith(("data:", "#")) for one in checked.addresses)
    assert "url(http" not in text
    assert checked.scripts == 1
    anchors = re.findall(r'<section id="([^"]*)"', text)
    assert anchors == [
        *("words", "groups", "costs", "unfinished", "values", "front", "learning", "searches"),
        *("architectures", "settings", "runs", "machine", "checklist"),
    ]
    assert text.count("<svg") == 9
    assert text.count('src="data:image/png;base64,') == 2
    assert "n = 6, p = 0.031" in text
    assert "A processor" in text
    assert page(whole_study, tmp_path / "again", against="random") == text


def test_the_content_policy_lets_the_pages_own_script_run(study: Path, tmp_path: Path) -> None:
    text = page(study, tmp_path)
    script = text.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text


def test_names_are_escaped_everywhere(tmp_path: Path) -> None:
    folder = tmp_path / ODD.replace("/", "|")
    for seed in range(5):
        changes = {"algorithm.name": ODD, ODD: ODD, "environment.processor": ODD}
        write_run(folder / "a" / str(seed), seed, 0.1 + seed / 100, changes=changes)
        write_run(folder / ODD.replace("/", "|") / str(seed), seed, 0.2, changes={"epoch": 4})
    (folder / "a" / "4" / "result.json").write_text('{"status": "</script><b>"}')
    text = page(folder, tmp_path / "out")
    assert Checked(text).scripts == 1
    assert "<b>" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_few_runs_make_a_page_too(tmp_path: Path, count: int) -> None:
    for seed in range(count):
        write_run(tmp_path / "runs" / str(seed), seed)
    broken = write_run(tmp_path / "runs" / "broken", 9)
    (broken / "config.json").write_text("?")
    (broken / "trajectory.csv").write_bytes(b"\xff,\x00\n1")
    Checked(page(tmp_path / "runs", tmp_path / "out"))


def test_a_trajectory_may_hold_anything(tmp_path: Path) -> None:
    for seed, content in enumerate(("", "phase,error_test\ntrain,x\ntrain,nan\ntrain,0.5,9,9\n")):
        folder = write_run(tmp_path / "runs" / str(seed), seed)
        (folder / "trajectory.csv").write_text(content)
    assert "n = 1" in page(tmp_path / "runs", tmp_path / "out")


def test_no_picture_is_taken_for_one(study: Path, tmp_path: Path) -> None:
    (study / "found" / "seed-0" / "arch.png").write_text("<svg onload=x>")
    assert "<img" not in page(study, tmp_path)


def answers(text: str) -> dict[str, str]:
    """Return the marks of the checklist by question."""
    found = re.findall(r'<li class="(yes|no|open)">.*?<strong>(.*?)</strong>', text)
    return {html.unescape(question): answer for answer, question in found}


def test_the_checklist_is_ticked_as_far_as_runs_tell(tmp_path: Path) -> None:
    for seed in range(5):
        search = tmp_path / "s" / "search" / f"seed-{seed}"
        write_run(search, seed, search=True)
        write_run(
            tmp_path / "s" / "found" / f"seed-{seed}",
            seed,
            changes={"network.genotype": str(search / "arch.h5")},
        )
        sizes = {"multiply_adds": 1000 + seed}
        write_run(tmp_path / "s" / "random" / f"seed-{seed}", seed, 0.2, result=sizes)
    found = answers(page(tmp_path / "s", tmp_path / "a"))
    assert len(found) == 16
    assert {q for q, answer in found.items() if answer == "no"} == set()
    assert {q for q, answer in found.items() if answer == "open"} == {
        "code of the training that judges the final architectures",
        "code of the search space",
        "code of the search method",
        "ablation studies",
        "tabular or surrogate benchmarks for a closer look",
        "how hyperparameters were tuned, and at what cost",
    }


def test_what_the_checklist_misses_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "s" / "a", 0, changes={"network.genotype": "gone/search/arch.h5"})
    other = {"environment.processor": "Another", "epoch": 7, "dataset.name": "cifar10"}
    write_run(tmp_path / "s" / "b", 0, changes=other)
    found = answers(page(tmp_path / "s", tmp_path / "a"))
    assert {q for q, answer in found.items() if answer == "no"} == {
        "exactly the same benchmark: data, split and space",
        "no confounders: hardware, versions",
        "the same evaluation protocol",
        "comparison with random search",
        "several runs, with their seeds",
        "time of the whole method, not of the search alone",
    }


def test_many_groups_are_cut_to_what_can_be_told_apart(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s", {f"g{number}": [number / 100] for number in range(45)})
    text = page(study, tmp_path / "out", against="g44")
    assert "The best 40 of 45 groups are shown." in text
    assert "The best 8 of 45 groups are shown." in text
    strip = text[text.index('<section id="values"') : text.index('<section id="front"')]
    assert ">g44<" in strip
    assert ">g43<" not in strip


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium here")
def test_in_a_browser_it_sorts_fits_and_asks_for_nothing(whole_study: Path, tmp_path: Path) -> None:
    text = page(whole_study, tmp_path, against="random")
    digest = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    allowed = text.replace("script-src '", f"script-src 'sha256-{digest}' '", 1)
    probed = allowed.replace("<title>", f"<script>{PROBE}</script><title>", 1)
    (tmp_path / "page.html").write_text(probed)
    (tmp_path / "around.html").write_text(AROUND)
    command = ["chromium", *FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, (tmp_path / "around.html").as_uri()],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told is not None, done.stderr
    views = json.loads(html.unescape(told[1]))
    assert sorted(view["width"] for view in views) == [390, 1280]
    for view in views:
        assert (view["refused"], view["errors"], view["asked"]) == ([], [], [])
        assert view["widest"] == view["width"]
        assert 300 < min(view["pictures"]) <= max(view["pictures"]) < view["width"]
        orders = view["orders"]
        assert orders["start"] == ["found", "other", "random", "search"]
        assert orders["group up"] == ["found", "other", "random", "search"]
        assert orders["group down"] == ["search", "random", "other", "found"]
        # What has no value comes last in both.
        assert orders["mean ± sd, % up"] == ["found", "other", "random", "search"]
        assert orders["mean ± sd, % down"] == ["random", "other", "found", "search"]
