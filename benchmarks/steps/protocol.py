"""What a measuring process and the one that started it say to each other, line by line.

The first line in is a request in JSON. Every further line in is `step`, which is answered by the
seconds it took, `describe`, which is answered by JSON, or `memory`, by bytes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO


def answers() -> TextIO:
    """Return where answers go; whatever else is printed from now on goes to standard error."""
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return stream


def request() -> Any:
    """Return the first line, read as JSON."""
    return json.loads(sys.stdin.readline())


def serve(step: Callable[[], object], describe: Callable[[], Any], out: TextIO) -> None:
    """Answer line by line until standard input ends.

    Args:
        step: does one update.
        describe: returns what is known of the network, as JSON can hold it.
        out: where answers go.
    """
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        word = line.strip()
        if word == "step":
            start = time.perf_counter()
            step()
            answer = repr(time.perf_counter() - start)
        elif word == "memory":
            answer = str(peak_memory())
        elif word == "describe":
            answer = json.dumps(describe())
        else:
            raise SystemExit(f"unknown request '{word}'")
        print(answer, file=out, flush=True)


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    # The maximum of getrusage() starts with that of the process that forked this one.
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
