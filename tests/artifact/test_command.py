from __future__ import annotations

import pytest

from nnabla_nas.artifact.command import typed, typed_again

AGAIN = ["-f", "log/x/config.json"]


@pytest.mark.parametrize(
    ("words", "before"),
    [
        (["python", "main.py"], "python main.py"),
        (["/a b/python3", "-u", "../main.py"], "'/a b/python3' -u ../main.py"),
        (["python", "-m", "nnabla_nas"], "python -m nnabla_nas"),
        (["/venv/bin/python", "/venv/bin/nnabla-nas"], "/venv/bin/python /venv/bin/nnabla-nas"),
    ],
)
def test_a_command_begins_with_what_was_typed(
    monkeypatch: pytest.MonkeyPatch, words: list[str], before: str
) -> None:
    program = "/here/nnabla_nas/__main__.py" if "-m" in words else words[-1]
    monkeypatch.setattr("sys.argv", [program, "-f", "a b.json"])
    monkeypatch.setattr("sys.orig_argv", [*words, "-f", "a b.json"])
    monkeypatch.delenv("NNABLA_NAS_LAUNCHER", raising=False)
    assert typed(["evaluate", "log/x"]) == f"{before} evaluate log/x"
    assert typed_again("--resume", otherwise=AGAIN) == f"{before} -f 'a b.json' --resume"
    monkeypatch.setenv("NNABLA_NAS_LAUNCHER", "../my run.sh")
    assert typed(["--help"]) == f"'../my run.sh' {before} --help"


def test_what_was_given_is_not_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NNABLA_NAS_LAUNCHER", raising=False)
    for name in ("argv", "orig_argv"):
        words = ["python"] if name == "orig_argv" else []
        monkeypatch.setattr(f"sys.{name}", [*words, "main.py", "--resume", "-f", "x.json"])
    assert typed_again("--resume", otherwise=AGAIN) == "python main.py --resume -f x.json"


def test_another_program_that_runs_an_experiment_is_not_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NNABLA_NAS_LAUNCHER", raising=False)
    monkeypatch.setattr("sys.argv", ["/usr/lib/pytest/__main__.py", "-q"])
    monkeypatch.setattr("sys.orig_argv", ["python", "-m", "pytest", "-q"])
    assert typed(["evaluate", "log/x"]) == "python main.py evaluate log/x"
    again = typed_again("--resume", otherwise=AGAIN)
    assert again == "python main.py -f log/x/config.json --resume"
