"""How many numbers kernels handle side by side: who decides, and what it changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas import function
from nnabla_nas.function import lanes

pytestmark = pytest.mark.skipif(not function.has_compiler(), reason="there are no kernels")


@pytest.fixture
def undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_chosen", {})
    monkeypatch.delenv("NNABLA_NAS_LANES", raising=False)


@pytest.mark.usefixtures("undecided")
class TestWhoDecides:
    @pytest.mark.parametrize(("features", "count"), [({"avx2": True}, 8), ({"avx512f": True}, 16)])
    def test_the_processor(
        self, monkeypatch: pytest.MonkeyPatch, features: dict[str, bool], count: int
    ) -> None:
        monkeypatch.setattr("llvmlite.binding.get_host_cpu_features", lambda: features)
        lanes._of_processor.cache_clear()
        assert lanes.lanes() == count
        lanes._of_processor.cache_clear()

    @pytest.mark.parametrize("count", lanes.WIDTHS)
    def test_the_environment(self, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        monkeypatch.setenv("NNABLA_NAS_LANES", str(count))
        assert lanes.lanes() == count

    @pytest.mark.parametrize("text", ["", "4", "sixteen", "16.0", "32"])
    def test_numbers_that_there_are_not(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setenv("NNABLA_NAS_LANES", text)
        with pytest.raises(ValueError, match=r"NNABLA_NAS_LANES.*8 or 16"):
            lanes.lanes()
        with pytest.raises(ValueError, match="8 or 16 lanes, not 5"):
            lanes.use_lanes(5)

    def test_the_run_before_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NNABLA_NAS_LANES", "16")
        lanes.use_lanes(8)
        assert lanes.lanes() == 8
        with pytest.raises(ValueError, match="8 lanes are in use"):
            lanes.use_lanes(16)


def run(code: str, **environment: str) -> Any:
    """Return what a process prints as JSON."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Compiled, not run: the processor here need not have the registers.
_ASSEMBLY = """
import json, re
from numba import types
from nnabla_nas.function.cpu.activation import scale_shift
from nnabla_nas.function.cpu.product import multiply_packed
from nnabla_nas.function.cpu.rows import filter_row
from nnabla_nas.function.cpu.sums import sum_of
x, i, f, starts = types.float32[::1], types.int64, types.float32, types.int64[::1]
kernels = {
    scale_shift: (x, x, f, f, i),
    multiply_packed: (x, x, i, i, i, x, i, i),
    filter_row: (x, i, starts, x, i, x, i, i),
    sum_of: (x, i, i),
}
found = {}
for kernel, arguments in kernels.items():
    kernel.compile(arguments)
    (code,) = kernel.inspect_asm().values()
    lines = [line for line in code.splitlines() if re.search("v(fm|add)[^ \\t]*ps", line)]
    found[kernel.__name__] = sorted({size for line in lines for size in re.findall("[yz]mm", line)})
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("processor", "count", "registers"), [("skylake-avx512", 16, "zmm"), ("haswell", 8, "ymm")]
)
def test_machine_code_fills_the_registers(processor: str, count: int, registers: str) -> None:
    found = run(
        _ASSEMBLY,
        NUMBA_CPU_NAME=processor,
        NUMBA_CPU_FEATURES="",
        NNABLA_NAS_LANES=str(count),
    )
    assert all(registers in used for used in found.values()), found
    if count == 8:
        assert all("zmm" not in used for used in found.values()), found


# Values with the number of lanes that this processor would not take: the compiler divides vectors
# for those that have shorter registers.
_VALUES = """
import json
import numpy as np
from nnabla_nas.function.cpu.kernel_set import KernelSet
from nnabla_nas.function.cpu.readiness import make_ready
names = ("product", "normalization")
make_ready(KernelSet(tuple(f"nnabla_nas.function.cpu.{name}" for name in names)))
from nnabla_nas.function.cpu.normalization import normalize, normalize_backward
from nnabla_nas.function.cpu.product import add_outer, multiply
rng, far = np.random.default_rng(0), []

def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)

def compare(found, expected):
    far.append(float(np.abs(found - expected).max() / max(1, np.abs(expected).max())))

for rows, inner, columns in [(1, 1, 1), (3, 2, 7), (5, 4, 49), (8, 16, 2100), (13, 200, 95)]:
    w, x, g = normal(rows, inner), normal(inner, columns), normal(rows, columns)
    y, total = np.empty_like(g), np.zeros_like(w)
    at = [one.ctypes.data for one in (w, x, y, g, total)]
    multiply(*at[:3], rows, inner, columns, True)
    compare(y, w.astype(np.float64) @ np.maximum(x, 0))
    add_outer(at[3], at[1], at[4], rows, inner, columns, False)
    compare(total, g.astype(np.float64) @ x.T)
for n in (1, 15, 33, 4200):
    x, beta, gamma, g = normal(3, n), normal(3), normal(3), normal(3, n)
    y, used, moved = np.empty_like(x), np.empty((2, 3), np.float32), np.zeros((2, 3), np.float32)
    sums, gx = np.zeros((2, 3), np.float32), np.empty_like(x)
    at = lambda *arrays: [one.ctypes.data for one in arrays]
    rates = np.float32(0.9), np.float32(1e-5)
    normalize(*at(x, beta, gamma, moved[0], moved[1], y, used), 3, n, *rates, True, 1)
    mean, variance = x.mean(1, np.float64), x.var(1, np.float64)
    z = (x - mean[:, None]) / np.sqrt(variance + 1e-5)[:, None]
    passed = z * gamma[:, None] + beta[:, None]
    compare(y, np.maximum(passed, 0))
    compare(moved[0], 0.1 * mean)
    normalize_backward(*at(x, beta, gamma, used, g, gx, sums[0], sums[1]), 3, n, True, 1)
    through = np.where(passed > 0, g, 0)
    compare(sums[0], through.sum(1))
    compare(sums[1], (through * z).sum(1))
print(json.dumps(far))
"""


def test_kernels_of_other_lanes_compute_the_same_values() -> None:
    (other,) = set(lanes.WIDTHS) - {lanes.lanes()}
    assert max(run(_VALUES, NNABLA_NAS_LANES=str(other))) < 1e-5
