"""Flip bits in the files of a finished training, and interrupt runs while they start.

    ./run.sh python benchmarks/damage.py --flips 120 --interrupts 80

Prints what became of `evaluate` after each flip: refused by the file's name, the same figures as
before (what was flipped is not read), or other figures in silence; and how runs ended that got
SIGINT within their first two seconds. The exit code is 1 if a figure changed, or a run ended by
anything but 130 and one line.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import nnabla_nas
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.cli import main as run_main

_ROOT = Path(nnabla_nas.__file__).parents[1]
_EXPERIMENT = _ROOT / "examples" / "small" / "mobilenet_cifar10_reference.json"
_REFUSED, _SAME, _CHANGED = "refused by name", "same figures", "other figures in silence"
_CLEAN = "130 and one line"


def main() -> int:
    """Run the benchmark and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-f", "--config-file", default=str(_EXPERIMENT), help="of a training")
    parser.add_argument("--flips", type=int, default=120)
    parser.add_argument("--interrupts", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    flags = ["-f", arguments.config_file, "-x", "epoch=1", "--no-visualize"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextlib.redirect_stdout(io.StringIO()):
            code = run_main([*flags, "-o", str(folder / "run")])
        if code != 0:
            raise SystemExit(f"the training ended with exit code {code}")
        flipped = flips(folder / "run", arguments.flips, rng)
        ended = interrupts([*flags, "-o", str(folder / "again")], arguments.interrupts, rng)
    for title, counts in (("flipped bits", flipped), ("interrupts", ended)):
        for outcome, n in sorted(counts.items()):
            print(f"{title}: {outcome}: {n}")
    return 1 if flipped[_CHANGED] or set(ended) - {_CLEAN, "ended before"} else 0


def flips(run: Path, n: int, rng: random.Random) -> Counter[str]:
    """Flip bits, one at a time, and return what became of `evaluate`.

    Args:
        run: the folder of a finished training; it is left as it was.
        n: how many bits.
        rng: draws them.
    """
    folder = RunFolder(run)
    files = [folder.config, folder.arch_json, folder.weights, folder.result, folder.sums]
    expected = _evaluate(run)
    counts: Counter[str] = Counter()
    for _ in range(n):
        # Half of them in the weights, which are most of the bytes.
        path = rng.choice([*files, *[folder.weights] * len(files)])
        whole = path.read_bytes()
        bit = rng.randrange(8 * len(whole))
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        code, out, error = _evaluate(run)
        path.write_bytes(whole)
        if code != 0:
            named = path.name in error or folder.sums.name in error
            counts[_REFUSED if named and not out else "refused without a name"] += 1
        else:
            counts[_SAME if out == expected[1] else _CHANGED] += 1
    return counts


def _evaluate(run: Path) -> tuple[int, str, str]:
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as error,
    ):
        code = run_main(["evaluate", str(run)])
    return code, out.getvalue(), error.getvalue()


def interrupts(flags: list[str], n: int, rng: random.Random) -> Counter[str]:
    """Interrupt runs in their first two seconds and return how they ended.

    Args:
        flags: the command line of the run.
        n: how many runs.
        rng: draws the moments.
    """
    counts: Counter[str] = Counter()
    for _ in range(n):
        command = [sys.executable, str(_ROOT / "main.py"), *flags, "--resume"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        # Not before Python itself has started.
        time.sleep(0.1 + 1.9 * rng.random())
        process.send_signal(signal.SIGINT)
        _, error = process.communicate()
        lines = error.splitlines()
        clean = process.returncode == 130 and len(lines) <= 1 and "Traceback" not in error
        ended = "ended before" if process.returncode == 0 else f"exit {process.returncode}"
        counts[_CLEAN if clean else ended] += 1
    return counts


if __name__ == "__main__":
    sys.exit(main())
