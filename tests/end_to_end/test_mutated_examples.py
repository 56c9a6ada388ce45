"""A thousand mutations of the examples: each is refused by its key, or is a valid experiment."""

from __future__ import annotations

import copy
import json
import os
import random
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main

ROOT = Path(__file__).parents[2]
# Studies name experiments; they are no experiments themselves.
EXAMPLES = sorted(
    path for path in (ROOT / "examples").rglob("*.json") if '"network":' in path.read_text()
)
N_MUTATIONS = 1000
# Of those that are valid, this many of the small ones are built.
N_BUILT = 12
_NESTED: Any = []
for _ in range(60):
    _NESTED = [_NESTED]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    2,
    -1,
    2**31,
    2**63,
    -(2**63),
    10**400,
    0.5,
    -0.0,
    1e308,
    5e-324,
    "",
    " ",
    "\0",
    "é\n",
    "x" * 10_000,
    "../../etc/passwd",
    "/dev/zero",
    "os:system",
    "Sgd",
    "digits",
    "cifar10",
    [],
    {},
    [[]],
    [1, 2, 3],
    {"name": "Sgd"},
    {"name": None},
    {"__class__": 1},
    _NESTED,
]
KEYS = ["", "name", "epochs", "__class__", "lr", "x.y", "path", "options", "genotype", "mode"]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (object or list, key or index) in a value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def mutated(content: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    for _ in range(rng.randint(1, 3)):
        everywhere = list(places(content))
        if not everywhere:
            break
        holder, key = rng.choice(everywhere)
        how = rng.choice(["replace", "replace", "nudge", "drop", "rename", "add", "nest"])
        if how == "drop":
            del holder[key]
        elif how == "nest":
            holder[key] = [holder[key]]
        elif how == "nudge" and isinstance(holder[key], int | float):
            holder[key] = holder[key] * rng.choice([-1, 0, 0.5, 2, 3])
        elif how == "rename" and isinstance(holder, dict):
            holder[f"{key}{rng.choice('s_.')}"] = holder.pop(key)
        elif how == "add" and isinstance(holder, dict):
            holder[rng.choice(KEYS)] = copy.deepcopy(rng.choice(VALUES))
        else:
            holder[key] = copy.deepcopy(rng.choice(VALUES))
    return content


def largest(value: Any) -> float:
    """Return the largest number in a value."""
    if isinstance(value, dict | list):
        return max(map(largest, value.values() if isinstance(value, dict) else value), default=0)
    return abs(value) if isinstance(value, int | float) else 0


def attempt(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Do all mutations and return what went wrong with them, in lines."""
    wrong, built, valid = [], 0, 0
    for seed in range(N_MUTATIONS):
        rng = random.Random(seed)
        example = rng.choice(EXAMPLES)
        content = mutated(json.loads(example.read_text()), rng)
        path = tmp_path / "mutated.json"
        path.write_text(json.dumps(content))
        network = content.get("network")
        build = built < N_BUILT and "small" in example.parts and largest(network) <= 64
        with pytest.MonkeyPatch.context() as patch:
            if not build:
                patch.setattr("nnabla_nas.runner.launch.launch", lambda *_, **__: 0)
            code = main(["-f", str(path), "-o", str(tmp_path / "out"), "--dry-run"])
        error = capfd.readouterr().err
        faults = [line for line in error.splitlines() if "[nnabla]" not in line]
        built += build and code == 0
        valid += code == 0
        # A value of the file that a flag replaces is named by the flag.
        sources = (f"error: {path}: ", "error: -o/--output-path: ")
        named = all(line.startswith(sources) for line in faults)
        if code not in (0, 2) or (code == 2) != bool(faults) or not named or "Trace" in error:
            wrong.append(f"{seed} ({example.name}): exit code {code}: {error[:500]}")
    if built < N_BUILT or not N_MUTATIONS / 20 < valid < N_MUTATIONS / 2:
        wrong.append(f"{valid} valid, {built} built")
    return "\n".join(wrong)


def test_a_thousand_mutations(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = tmp_path / "report"
    child = os.fork()
    if child == 0:
        signal.alarm(300)
        try:
            report.write_text(attempt(tmp_path, capfd))
            os._exit(0)
        except BaseException as error:
            report.write_text(repr(error))
            os._exit(1)
    _, status, usage = os.wait4(child, 0)
    assert status == 0, report.read_text() if report.exists() else status
    assert not report.read_text(), report.read_text()
    peak = (usage.ru_maxrss - resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024
    assert peak < 2**30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mutated.json", "report"]
