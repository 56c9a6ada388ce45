"""One row of the table: our step, and where asked for PyTorch's, in alternation."""

from __future__ import annotations

import statistics
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field

from steps.child import Child
from steps.workload import Workload

TORCH_FORMATS = ("contiguous", "channels_last")
# Of a mean over candidates, whose order of summation is free.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Args:
        repeats: how often a step is measured.
        steps: updates a measurement takes the mean of.
        threads: of either framework.
        memory_after: updates before memory is read; 0 reads it after the measurements.
        torch_python: an interpreter that has PyTorch, or None.
        torch_format: of PyTorch's memory; None takes the faster one.
    """

    repeats: int = 5
    steps: int = 1
    threads: int = 1
    memory_after: int = 0
    torch_python: str | None = None
    torch_format: str | None = None


@dataclass
class Measurement:
    """What was found for one kind of update.

    Args:
        workload: the kind of update.
        threads: of either framework.
        parameters: trained values, those of the architecture included.
        multiply_adds: of an update.
    """

    workload: Workload
    threads: int
    parameters: int
    multiply_adds: float
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    memory: int = 0
    torch_memory: int | None = None
    torch_notes: str = ""

    @property
    def ratio(self) -> float | None:
        """Median over the pairs of our seconds by PyTorch's, or None without them."""
        if not self.theirs:
            return None
        pairs = zip(self.ours, self.theirs, strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)


def measure(workload: Workload, settings: Settings) -> Measurement:
    """Measure a kind of update.

    Args:
        workload: the kind of update.
        settings: how to measure.

    Raises:
        SystemExit: if the networks of the two frameworks differ, or a process ends early.
    """
    threads = settings.threads
    with ExitStack() as stack:
        asked = {"workload": asdict(workload), "threads": threads}
        ours = stack.enter_context(Child(sys.executable, "steps.ours", asked))
        network = ours.describe()
        n = network["parameters"] + network["alphas"]
        total = workload.multiply_adds(network["multiply_adds"])
        found = Measurement(workload, threads, n, total)
        theirs = None
        if settings.torch_python is not None:
            asked["network"] = network
            python, layout = settings.torch_python, settings.torch_format
            asked["format"] = layout or faster_format(python, asked)
            theirs = stack.enter_context(torch_child(python, asked))
            described = theirs.describe()
            require_same(workload.name, network, described)
            found.torch_notes = f"PyTorch {described['version']}, {asked['format']}"
        children = [ours] if theirs is None else [ours, theirs]
        for child in children:
            child.step()
        for _ in range(settings.repeats):
            found.ours.append(ours.steps(settings.steps))
            if theirs is not None:
                found.theirs.append(theirs.steps(settings.steps))
        done = 1 + settings.repeats * settings.steps
        for child in children:
            for _ in range(settings.memory_after - done):
                child.step()
        found.memory = ours.memory()
        found.torch_memory = None if theirs is None else theirs.memory()
    return found


def torch_child(python: str, asked: dict[str, object]) -> Child:
    """Return the process that does PyTorch's updates.

    Args:
        python: an interpreter that has PyTorch.
        asked: its request: workload, network, threads, format of memory.
    """
    threads = asked["threads"]
    assert isinstance(threads, int)
    return Child(python, "steps.torch_step", asked, threads)


def faster_format(python: str, asked: dict[str, object]) -> str:
    """Return the format of memory in which PyTorch takes less time for a step.

    Args:
        python: an interpreter that has PyTorch.
        asked: the request, without a format.
    """
    seconds = {}
    for name in TORCH_FORMATS:
        with torch_child(python, {**asked, "format": name}) as child:
            child.step()
            seconds[name] = min(child.step() for _ in range(2))
    return min(seconds, key=seconds.__getitem__)


def require_same(name: str, ours: dict[str, float], theirs: dict[str, float]) -> None:
    """Check that both frameworks have the same network.

    Args:
        name: of the workload.
        ours: numbers of parameters, alphas and multiply-adds.
        theirs: the same of PyTorch's network.

    Raises:
        SystemExit: if one of them differs.
    """
    for key in ("parameters", "alphas", "multiply_adds"):
        if abs(ours[key] - theirs[key]) > _TOLERANCE * ours[key]:
            raise SystemExit(
                f"{name}: {key} differ: {ours[key]:,} here, {theirs[key]:,} in PyTorch"
            )
