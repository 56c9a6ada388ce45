"""The pages: built with warnings as errors, and every block in them that can be run is run."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas import registry
from nnabla_nas.cli import main
from nnabla_nas.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
# Enough to show that a command does what the page says; the pages show it at full length.
SHORT = ["-x", "epoch=1", "-x", "warmup=0", "-x", "batch_size_train=320"]
SMALL = ["-x", "network.settings=[[8,2,1]]", "-x", "network.width_mult=0.25"]
SMALL += ["-x", "network.stem_stride=2"]

_BLOCK = re.compile(
    r"(?:^% (?P<mark>tested[^\n]*)\n)?"
    r"^```(?:\{code-block\} )?(?P<language>python|json|console)\n"
    r"(?::caption: (?P<file>\S+)\n)?(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    file: str | None
    mark: str | None


def blocks(page: Path) -> list[Block]:
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(m["language"], m["text"], m["file"], m["mark"]) for m in found]


def runnable(page: Path) -> bool:
    return any(b.mark or b.file or b.language == "python" for b in blocks(page))


def commands(block: Block) -> Iterator[str]:
    """Yield the commands of a block, continued lines joined."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            yield line.removeprefix("$ ").split(" #")[0]


def shortened(command: str) -> list[str]:
    """Return the flags that make a command quick."""
    if " -f " not in command:
        return []
    return [*SHORT, *(SMALL if "mobilenet" in command else [])]


def shortened_study(path: str) -> str:
    """Return a file that says a study on one seed, its runs shortened."""
    content = json.loads(Path(path).read_text())
    quick = dict(word.split("=", 1) for word in [*SHORT, *SMALL] if "=" in word)
    values = {key: json.loads(value) for key, value in quick.items()}
    for experiment in content["experiments"].values():
        experiment["file"] = str((Path(path).parent / experiment["file"]).resolve())
        experiment["set"] = {**experiment.get("set", {}), **values}
    short = Path("short_study.json")
    short.write_text(json.dumps({**content, "seeds": content["seeds"][:1]}))
    return str(short)


def run(command: str) -> int:
    """Run a command of a page in this process, shortened."""
    loop = re.fullmatch(r"for (\w+) in (.+?); do (.+); done", command)
    if loop:
        variable, values, body = loop.groups()
        return max(run(body.replace(f"${variable}", value)) for value in values.split())
    launcher, python, *words = shlex.split(re.sub(r"--extra \w+ ", "", command))
    assert [launcher, python] == ["./run.sh", "python"], "only these commands can be tested"
    if words[0].startswith("examples/"):
        example: Callable[[list[str]], int] = runpy.run_path(words[0])["main"]
        return example([*words[1:], *shortened(command)])
    words = words[1:] if words[0] == "main.py" else words[2:]
    if words[0] == "study":
        words[1] = shortened_study(words[1])
    return main([*words, *shortened(command)])


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that looks like the checkout to commands and modules of pages."""
    for name in ("examples", "docs", "main.py", "jobs.sh", "nnabla_nas"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # What pages register is not there for the tests that follow.
    for one in vars(registry).values():
        if isinstance(one, Registry):
            monkeypatch.setattr(one, "_entries", dict(one._entries))
    return tmp_path


@pytest.mark.parametrize(
    "page", list(filter(runnable, PAGES)), ids=lambda page: str(page.relative_to(ROOT / "docs"))
)
def test_what_a_page_shows_runs(page: Path, checkout: Path) -> None:
    namespace: dict[str, Any] = {}
    for number, block in enumerate(blocks(page)):
        if block.file:
            (checkout / block.file).write_text(block.text.lstrip("\n"))
        elif block.language == "python":
            script = checkout / f"block_{number}.py"
            script.write_text(block.text)
            namespace |= runpy.run_path(str(script), init_globals=namespace)
        elif block.mark:
            expected = int((re.search(r"exit code (\d+)", block.mark) or [0, 0])[1])
            for command in commands(block):
                assert run(command) == expected, command


def test_the_tutorial_explains_every_key_of_its_example() -> None:
    tutorial = (ROOT / "docs" / "tutorial.md").read_text()
    explained = set(re.findall(r"`([a-z_0-9.]+)`", tutorial))
    content = json.loads((ROOT / "examples" / "mobilenet_cifar10_search.json").read_text())
    keys = set(content) - {"network", "optimizer"}
    keys |= {f"network.{key}" for key in content["network"]}
    keys |= {f"optimizer.{phase}" for phase in content["optimizer"]}
    assert keys <= explained


def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("_build"))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", str(tmp_path / "docs")]
    done = subprocess.run(
        [*command, str(tmp_path / "pages")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = tmp_path / "pages"
    keys = (pages / "reference" / "experiment.html").read_text()
    for key in ("train_portion", "grad_clip_mode", "an integer &gt;= 1"):
        assert key in keys
    names = (pages / "reference" / "registered.html").read_text()
    for name in ("mobilenet", "width_mult", "arch_samples", "synthetic"):
        assert name in names
    assert "--dry-run" in (pages / "reference" / "command_line.html").read_text()
    assert "check_search_space" in (pages / "reference" / "python.html").read_text()
    drawn = list((pages / "_images").glob("mobilenet-SearchNet-*.png"))
    assert len(drawn) == 2
