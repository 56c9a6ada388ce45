"""A measuring process, seen from the one that started it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

BENCHMARKS = Path(__file__).resolve().parents[1]
ROOT = BENCHMARKS.parent


def environment(threads: int = 1) -> dict[str, str]:
    """Return the environment of a child.

    Args:
        threads: of the numerical libraries.
    """
    paths = os.pathsep.join([str(BENCHMARKS), str(ROOT)])
    numbers = {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")}
    return {**os.environ, "PYTHONPATH": paths, **numbers}


class Child:
    """A process that does one kind of update whenever it is asked to.

    Args:
        python: its interpreter.
        module: what it runs, as of `python -m`.
        request: its first line, see `steps.protocol`.
        threads: of its numerical libraries.

    Raises:
        SystemExit: with the end of what it wrote to standard error, if it ends early.
    """

    def __init__(
        self, python: str, module: str, request: Mapping[str, Any], threads: int = 1
    ) -> None:
        self._name = module
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [python, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment(threads),
            cwd=ROOT,
        )
        self._ask(json.dumps(request))

    def step(self) -> float:
        """Do one update and return the seconds it took."""
        return float(self._ask("step"))

    def steps(self, n: int) -> float:
        """Do some updates and return the seconds one took on average.

        Args:
            n: how many.
        """
        return sum(self.step() for _ in range(n)) / n

    def memory(self) -> int:
        """Return its largest resident size so far, in bytes."""
        return int(self._ask("memory"))

    def describe(self) -> dict[str, Any]:
        """Return what it knows of its network."""
        described: dict[str, Any] = json.loads(self._ask("describe"))
        return described

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read()[-3000:]
            self.close()
            raise SystemExit(f"{self._name} ended with {self._process.returncode}:\n{said}")
        return answer.strip()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # What a process that has ended did not read cannot be flushed.
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def run(command: Sequence[str], **environ: str) -> str:
    """Run a command to its end and return what it printed.

    Args:
        command: program and arguments.
        environ: variables to set.
    """
    found = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**environment(), **environ},
        cwd=ROOT,
        check=True,
    )
    return found.stdout
