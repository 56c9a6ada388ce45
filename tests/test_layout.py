"""What holds for the whole code base: layers, style, types, sizes, and calls that are forbidden."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "nnabla_nas").rglob("*.py"))

LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"

FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "dill.load",
    "dill.loads",
    "joblib.load",
    "marshal.load",
    "marshal.loads",
    "os.popen",
    "os.system",
    "pickle.load",
    "pickle.loads",
    "shelve.open",
    "yaml.full_load",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
}


# Look-ups whose names are written elsewhere in the package, or checked against a list there;
# the registry alone imports what a user's experiment names, which is how own classes are used.
LOOKUPS = {
    "artifact/progress.py": {"setattr(self, name, value)"},
    "config/annotation.py": {"getattr(one, name)"},
    "function/import_lookups.py": {"getattr(self._module, name)"},
    "module/module.py": {"setattr(module, name, value)"},
    "optimizer/scheduler.py": {"getattr(learning_rate_scheduler, name)"},
    "registry/registry.py": {"getattr(importlib.import_module(module), attribute)"},
    "runner/run_state.py": {"getattr(self.experiment.optimizer, phase)"},
    "search_space/darts/search_net.py": {"setattr(self, str(index), self._shared[kind])"},
    "testing/estimator_contract.py": {"getattr(module, name)"},
}


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["-c", LINT_IMPORTS], id="import-linter"),
        pytest.param(["-m", "ruff", "check", "."], id="ruff-check"),
        pytest.param(["-m", "ruff", "format", "--check", "."], id="ruff-format"),
        pytest.param(["-m", "mypy"], id="mypy"),
    ],
)
def test_the_tools_have_nothing_to_say(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_files_to_check() -> None:
    assert ROOT / "nnabla_nas" / "errors.py" in FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_and_calls_nothing_forbidden(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= 400
    assert list(forbidden(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "exec('x = 1')",
        "import builtins\nbuiltins.eval('1')",
        "import pickle\npickle.load(file)",
        "import pickle as p\np.loads(data)",
        "from pickle import loads as read\nread(data)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "from numpy import load\nload(path, None, option)",
        "import numpy\nnumpy.load(path, **options)",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "archive.extractall(folder)",
        "import subprocess\nsubprocess.run(line, shell=True)",
        "run(line, shell=flag)",
        "import os\nos.system(line)",
        "value.__dict__[name]",
        "globals()[name]",
    ],
)
def test_forbidden_calls_are_found(source: str) -> None:
    assert len(list(forbidden(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import json\njson.load(file)",
        "import numpy as np\nnp.load(path)\nnp.load(path, allow_pickle=False)",
        "import re\nre.compile('x')",
        "import yaml\nyaml.safe_load(text)",
        "import pickle\nclass Reader(pickle.Unpickler): ...\nReader(file).load()",
        "import subprocess\nsubprocess.run(['dot'], shell=False)",
    ],
)
def test_harmless_calls_are_not_found(source: str) -> None:
    assert list(forbidden(source)) == []


def forbidden(source: str) -> Iterator[str]:
    """Yield `line: call` for each call that could execute what it reads."""
    tree = ast.parse(source)
    names = dict(imported_names(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = qualified(node.func, names)
            if is_forbidden(called, node):
                yield f"{node.lineno}: {called}"
        elif isinstance(node, ast.Attribute) and node.attr == "__dict__":
            yield f"{node.lineno}: __dict__"


def named_lookups(source: str) -> Iterator[str]:
    """Yield the called name of each attribute look-up whose name is not written in the source."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        looks_up = qualified(node.func, {}) in ("getattr", "setattr")
        if looks_up and not isinstance(node.args[1], ast.Constant):
            yield ast.unparse(node)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_attributes_are_not_looked_up_by_names_from_files(path: Path) -> None:
    known = LOOKUPS.get(str(path.relative_to(ROOT / "nnabla_nas")), set())
    assert set(named_lookups(path.read_text())) == known


def test_lookups_by_name_are_found() -> None:
    source = "getattr(x, name)\ngetattr(x, 'a', None)\nsetattr(x, f'{a}', 1)"
    assert list(named_lookups(source)) == ["getattr(x, name)", "setattr(x, f'{a}', 1)"]


def is_forbidden(called: str, node: ast.Call) -> bool:
    if called.removeprefix("builtins.") in FORBIDDEN_CALLS or called.endswith(".extractall"):
        return True
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    if called == "numpy.load":
        return None in keywords or len(node.args) > 2 or not is_false(keywords.get("allow_pickle"))
    if called.removeprefix("builtins.") in {"globals", "locals"}:
        return True
    return not is_false(keywords.get("shell"))


def is_false(value: ast.expr | None) -> bool:
    """Whether an argument is absent or the constant False."""
    return value is None or (isinstance(value, ast.Constant) and value.value is False)


def imported_names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each name bound by an import together with what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def qualified(function: ast.expr, names: dict[str, str]) -> str:
    """Return the dotted name of what is called, imports resolved."""
    if isinstance(function, ast.Attribute):
        return f"{qualified(function.value, names)}.{function.attr}"
    if isinstance(function, ast.Name):
        return names.get(function.id, function.id)
    return "?"
