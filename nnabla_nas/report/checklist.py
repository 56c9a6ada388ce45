"""The checklist of Lindauer and Hutter, as far as a program can tick it.

Lindauer, M. and Hutter, F.: Best Practices for Scientific Research on Neural Architecture Search.
Journal of Machine Learning Research 21 (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nnabla_nas.report.findings import Compared, Findings
from nnabla_nas.report.run import Run
from nnabla_nas.report.settings import differing
from nnabla_nas.report.statistics import LEAST_FOR_TEST

Answer = Literal["yes", "no", "open"]
_NOT_SEEN: tuple[Answer, str] = "open", "cannot be seen in the runs; say it in the text"


@dataclass(frozen=True)
class Item:
    """A line of the checklist.

    Args:
        part: the heading it stands under.
        question: what is asked, in short.
        answer: `yes` or `no` where the runs tell, else `open`.
        remark: what the runs tell, or what is missing.
    """

    part: str
    question: str
    answer: Answer
    remark: str


def checklist(findings: Findings) -> list[Item]:
    """Return the lines of the checklist, in its order.

    Args:
        findings: the runs compared.
    """
    return [Item(part, question, *answer(_Seen(findings))) for part, question, answer in _QUESTIONS]


class _Seen:
    """What the answers look at."""

    def __init__(self, findings: Findings) -> None:
        self.valued = [one for one in findings.groups if one.summary is not None]
        self.finished = [run for run in findings.runs if run.finished]
        self.trainings = [run for run in self.finished if not run.searches]
        self.searches = [run for run in self.finished if run.searches]
        self.by = findings.by

    def environment(self, key: str, runs: Iterable[Run] | None = None) -> set[str]:
        """Return what the runs' environments say of something; what is unknown is ``."""
        found = set()
        for run in self.finished if runs is None else runs:
            environment: Any = run.config.get("environment")
            value = environment.get(key) if isinstance(environment, dict) else None
            found.add("" if value is None else str(value))
        return found

    def differing(self, leave_out: Callable[[str], bool]) -> list[str]:
        """Return the settings in which groups that have the value differ."""
        keys = differing([one.group.settings for one in self.valued])
        return [key for key in keys if key != self.by and not leave_out(key)]


def _code(seen: _Seen) -> tuple[Answer, str]:
    commits = sorted(seen.environment("git_commit") - {""})
    if not commits:
        return "open", "no commit is recorded; name the version of the code, and publish it"
    shown = ", ".join(commit[:12] for commit in commits[:3])
    return "open", f"made from commit {shown}; whether it is published cannot be seen"


def _recorded(runs: Sequence[Run], what: str) -> tuple[Answer, str]:
    if not runs:
        return "open", f"there is no {what} among the runs"
    whole = [run for run in runs if run.settings and "seed" in run.settings]
    if len(whole) < len(runs):
        return "no", f"{len(runs) - len(whole)} of {len(runs)} have no config.json with a seed"
    return "yes", f"config.json of {len(runs)} runs holds every value and the seed; publish them"


def _same_benchmark(seen: _Seen) -> tuple[Answer, str]:
    if len(seen.valued) < 2:
        return "open", "only one group is compared"
    data = seen.environment("data_checksum", seen.trainings)
    differ = seen.differing(lambda key: not key.startswith(("dataset", "network.search_space")))
    if len(data) > 1 or differ:
        return "no", f"the groups differ in {', '.join(differ) or 'their data'}"
    if data == {""}:
        return "open", "the data's checksum is not recorded"
    return "yes", "equal data by checksum, equal space"


def _confounders(seen: _Seen) -> tuple[Answer, str]:
    keys = ("processor", "device", "python", "versions", "git_commit")
    differ = [key.replace("_", " ") for key in keys if len(seen.environment(key)) > 1]
    if differ:
        return "no", f"the runs differ in {', '.join(differ)}"
    if "" in seen.environment("processor"):
        return "open", "the machine is not recorded"
    return "yes", "one kind of machine and the same versions in all runs"


def _protocol(seen: _Seen) -> tuple[Answer, str]:
    if len(seen.valued) < 2:
        return "open", "only one group is compared"
    differ = seen.differing(lambda key: key.startswith("network."))
    if differ:
        return "no", f"the groups differ in {_some(differ)}"
    return "yes", "training and evaluation are equal in all settings but the network's"


def _over_time(seen: _Seen) -> tuple[Answer, str]:
    without = [run for run in seen.finished if not run.files.trajectory.exists()]
    if without or not seen.finished:
        return "no", f"{len(without)} runs have no trajectory.csv"
    return "yes", "the learning curves on this page, and trajectory.csv of every run"


def _random(seen: _Seen) -> tuple[Answer, str]:
    drawn = [one.name for one in seen.valued if _is_random(one)]
    if drawn:
        return "yes", f"{_some(drawn)}: networks drawn at random, a different one for each seed"
    return "no", "no group of networks drawn at random with several seeds is among the runs"


def _is_random(one: Compared) -> bool:
    sizes = set(one.group.values("multiply_adds").values())
    return one.group.settings.get("network.genotype") is None and len(sizes) > 1


def _repetitions(seen: _Seen) -> tuple[Answer, str]:
    counts = {one.name: one.summary.n for one in seen.valued if one.summary is not None}
    if not counts:
        return "no", "no run has the value"
    few = [name for name, n in counts.items() if n < LEAST_FOR_TEST]
    if few:
        return "no", f"fewer than {LEAST_FOR_TEST} repetitions of {_some(few)}"
    return "yes", f"{min(counts.values())} or more of each; the seeds are in the table of runs"


def _whole_time(seen: _Seen) -> tuple[Answer, str]:
    unknown = [
        one.name
        for one in seen.valued
        if any(one.search_seconds[run.folder] is None for run in one.group.finished)
    ]
    if unknown:
        return "no", f"the searches that {_some(unknown)} came from are not among the runs"
    return "yes", "device seconds of training, and of the search before it, are in the table"


def _details(seen: _Seen) -> tuple[Answer, str]:
    lacking = [key for key in ("processor", "versions", "created") if "" in seen.environment(key)]
    if lacking or not seen.finished:
        return "no", f"not recorded in all runs: {', '.join(lacking) or 'anything'}"
    return "yes", "settings, versions, machine and seeds of every run are recorded"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


_RELEASE, _COMPARING, _REPORTING = "Releasing code", "Comparing methods", "Reporting details"
_QUESTIONS: Sequence[tuple[str, str, Callable[[_Seen], tuple[Answer, str]]]] = (
    (_RELEASE, "code of the training that judges the final architectures", _code),
    (_RELEASE, "code of the search space", _code),
    (
        _RELEASE,
        "hyperparameters and seeds of the final evaluation",
        lambda seen: _recorded(seen.trainings, "training"),
    ),
    (_RELEASE, "code of the search method", _code),
    (
        _RELEASE,
        "hyperparameters and seeds of the search method",
        lambda seen: _recorded(seen.searches, "search"),
    ),
    (_COMPARING, "exactly the same benchmark: data, split and space", _same_benchmark),
    (_COMPARING, "no confounders: hardware, versions", _confounders),
    (_COMPARING, "ablation studies", lambda _: _NOT_SEEN),
    (_COMPARING, "the same evaluation protocol", _protocol),
    (_COMPARING, "performance over time", _over_time),
    (_COMPARING, "comparison with random search", _random),
    (_COMPARING, "several runs, with their seeds", _repetitions),
    (_COMPARING, "tabular or surrogate benchmarks for a closer look", lambda _: _NOT_SEEN),
    (_REPORTING, "how hyperparameters were tuned, and at what cost", lambda _: _NOT_SEEN),
    (_REPORTING, "time of the whole method, not of the search alone", _whole_time),
    (_REPORTING, "all details of the experimental setup", _details),
)
