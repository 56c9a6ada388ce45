"""`list`: everything an experiment can name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nnabla_nas import registry
from nnabla_nas.cli import main

ROOT = Path(__file__).parents[2]
KINDS = {
    "search spaces": registry.search_spaces,
    "algorithms": registry.runners,
    "data sets": registry.datasets,
    "estimators": registry.estimators,
    "evaluators": registry.evaluators,
    "transforms": registry.transforms,
    "solvers": registry.solvers,
    "learning-rate schedulers": registry.lr_schedulers,
}


def test_every_name_has_its_line_under_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    sections = capsys.readouterr().out.split("\n\n")
    for (kind, names), section in zip(KINDS.items(), sections, strict=False):
        heading, *lines = section.splitlines()
        assert heading.startswith(kind)
        assert [line.split()[0] for line in lines if line.startswith("  ")] == names.names()
        # Those of other tests may have no docstring.
        ours = [line for line in lines if isinstance(names.entry(line.split()[0]).target, str)]
        assert all(len(line.split()) > 1 for line in ours)


def test_what_a_user_registers_is_listed_by_its_docstring(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.datasets, "_entries", dict(registry.datasets._entries))

    @registry.register_dataset("a_set_of_ones_own")
    class Own:
        """Pictures of my cat.

        More of it.
        """

    assert registry.datasets.get("a_set_of_ones_own") is Own
    assert main(["list"]) == 0
    assert "  a_set_of_ones_own  Pictures of my cat.\n" in capsys.readouterr().out


def test_every_declared_class_exists() -> None:
    for names in list(KINDS.values())[:5]:
        for name in names.names():
            assert isinstance(names.get(name), type)


def test_help_says_how_to_register_and_name_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--help"]) == 0
    text = capsys.readouterr().out
    assert "usage: python -m nnabla_nas list" in text
    assert "@register_dataset" in text
    assert '"my_package.my_module:mine"' in text


@pytest.mark.parametrize("tool", ["list", "info", "demo"])
def test_wrong_arguments_are_one_line(tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([tool, "--frobnicate"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: python -m nnabla_nas {tool}: unrecognized arguments: --frobnicate"


def test_listing_needs_no_nnabla() -> None:
    program = (
        "import sys; from nnabla_nas.cli import main; main(['list']); "
        "sys.exit('nnabla' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
