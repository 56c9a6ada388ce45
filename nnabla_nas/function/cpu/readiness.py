"""Loading the kernels' machine code, and having it compiled where there is none yet."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any, Protocol

from nnabla_nas.function.cpu import kernel_compiler
from nnabla_nas.function.cpu.kernel_loading import load
from nnabla_nas.function.cpu.kernel_set import ALL, KernelSet
from nnabla_nas.function.cpu.kernel_store import KernelStore
from nnabla_nas.function.lanes import lanes

# Seconds between two looks at whether the process was asked to end.
_LOOK = 0.05
# Of the environment, the compiler reads this; what else is there changes no machine code.
_ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",
    "NUMBA_ENABLE_AVX",
)
_loading = RLock()


class KernelError(RuntimeError):
    """The kernels cannot be compiled."""


class Bar(Protocol):
    """What shows how far something is."""

    def advance(self, n: int = 1) -> object:
        """Count finished work.

        Args:
            n: how much was finished.
        """


class _Bar:
    def __init__(self, bar: Any) -> None:
        self.advance = bar.update


@contextmanager
def _on_stderr(total: int, description: str) -> Iterator[Bar]:
    """Show a bar where standard error is a terminal."""
    from tqdm import tqdm

    with tqdm(total=total, desc=description, disable=None, leave=False) as bar:
        yield _Bar(bar)


@dataclass(frozen=True)
class Waiting:
    """What a process does while kernels are compiled.

    Args:
        show: shows a bar, given how much there is to do and what it is.
        check: raises an error if the process was asked to end.
    """

    show: Callable[[int, str], AbstractContextManager[Bar]] = _on_stderr
    check: Callable[[], object] = lambda: None


def is_ready(kernels: KernelSet = ALL) -> bool:
    """Return whether the kernels are loaded.

    Args:
        kernels: which.
    """
    return all(kernel.overloads for kernel in kernels.kernels())


def make_ready(kernels: KernelSet = ALL, waiting: Waiting | None = None) -> None:
    """Load the kernels, all of them at once; where there are none, have them compiled first.

    Args:
        kernels: which.
        waiting: what to do in the meantime.

    Raises:
        KernelError: if they cannot be compiled.
    """
    with _loading:
        if is_ready(kernels):
            return
        store = KernelStore(kernels.version())
        code = store.read()
        if code is None:
            code = _wait_for(kernels, store, waiting or Waiting())
        load(kernels, code)


def _wait_for(kernels: KernelSet, store: KernelStore, waiting: Waiting) -> bytes:
    """Return machine code that this process has had compiled, or another one."""
    total, done = len(kernels.kernels()), 0
    with waiting.show(total, "compiling kernels") as bar, store.lock() as lock:

        def reach(count: int) -> None:
            nonlocal done
            if count > done:
                bar.advance(count - done)
                done = count

        while lock is not None and not lock.take():
            reach(min(total, lock.noted()))
            waiting.check()
            time.sleep(_LOOK)
        code = store.read()
        if code is None:

            def tell(count: int) -> None:
                reach(count)
                if lock is not None:
                    lock.note(count)

            tell(0)
            code = _compile(kernels, tell, waiting.check)
            store.write(code)
    return code


def _compile(
    kernels: KernelSet, tell: Callable[[int], object], check: Callable[[], object]
) -> bytes:
    """Have a child compile the kernels, and return their machine code.

    It leaves it in memory, so that a full disk is no obstacle.
    """
    reading, writing = os.pipe()
    with (
        os.fdopen(reading, "rb", buffering=0) as progress,
        os.fdopen(os.memfd_create("kernels"), "rb") as result,
        os.fdopen(os.memfd_create("messages"), "rb") as messages,
    ):
        try:
            child = subprocess.Popen(
                [sys.executable, "-c", _command(kernels, writing, result.fileno())],
                pass_fds=(writing, result.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=messages.fileno(),
                stderr=messages.fileno(),
                env={
                    "PYTHONHASHSEED": "0",
                    "NNABLA_NAS_LANES": str(lanes()),
                    **{name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                },
                # A terminal's Ctrl-C is answered here.
                start_new_session=True,
            )
        finally:
            os.close(writing)
        try:
            done = 0
            while True:
                check()
                if select.select([progress], [], [], _LOOK)[0]:
                    news = progress.read(1024)
                    if not news:
                        break
                    done += len(news)
                    tell(done)
            child.wait()
        finally:
            child.kill()
            child.wait()
        messages.seek(0)
        if child.returncode != 0:
            raise KernelError(_explain(child.returncode, messages.read().decode(errors="replace")))
        result.seek(0)
        return result.read()


def _command(kernels: KernelSet, progress: int, result: int) -> str:
    """Return what the child runs: the same code as this process."""
    arguments = [str(os.getpid()), str(progress), str(result), kernels.version(), *kernels.modules]
    path = [os.path.abspath(one) for one in sys.path]
    module = kernel_compiler.__name__
    return f"import sys; sys.path[:] = {path!r}; from {module} import main; main({arguments!r})"


def _explain(code: int, messages: str) -> str:
    lines = messages.strip().splitlines()
    reason = lines[-1] if code > 0 and lines else f"the process that compiles ended with {code}"
    return f"the kernels cannot be compiled: {reason}"
