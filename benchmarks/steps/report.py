"""The table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from steps.measurement import Measurement

_COLUMNS = (
    "step",
    "threads",
    "seconds",
    "memory, GB",
    "parameters",
    "multiply-adds, 10⁹",
    "of sgemm peak",
)
_TORCH_COLUMNS = ("PyTorch, s", "memory, GB", "ours : PyTorch")


def header(against: bool) -> str:
    """Return the first two lines of the table.

    Args:
        against: whether PyTorch is measured too.
    """
    columns = _COLUMNS + (_TORCH_COLUMNS if against else ())
    return f"{row(columns)}\n{row(['---'] * len(columns))}"


def line(found: Measurement, peaks: Mapping[int, float]) -> str:
    """Return the row of one measurement.

    Args:
        found: what was measured.
        peaks: by number of threads, multiply-adds a second of a large matrix product.
    """
    seconds = statistics.median(found.ours)
    workload = found.workload
    sizes = f"batch {workload.batch_train}"
    if workload.valid_factor:
        sizes += f" + {workload.batch_valid}"
    cells = [
        f"{workload.title} ({sizes})",
        str(found.threads),
        f"{seconds:.2f}",
        f"{found.memory / 1e9:.2f}",
        f"{found.parameters:,}",
        f"{found.multiply_adds / 1e9:.1f}",
        f"{found.multiply_adds / seconds / peaks[found.threads]:.0%}",
    ]
    if found.ratio is not None and found.torch_memory is not None:
        theirs = f"{statistics.median(found.theirs):.2f} ({found.torch_notes})"
        cells += [theirs, f"{found.torch_memory / 1e9:.2f}", f"{found.ratio:.2f}"]
    return row(cells)


def row(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table.

    Args:
        cells: what it holds.
    """
    return f"| {' | '.join(cells)} |"
