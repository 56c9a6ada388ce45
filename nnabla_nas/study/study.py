"""The file of a study: every key, typed, with its default and its limits."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from nnabla_nas.config.fields import Count, FolderPath, PositiveCount, allowed, refuse
from nnabla_nas.config.phases import STRICT
from nnabla_nas.registry import did_you_mean

ENGINES = ("local", "slurm")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_GIVEN_BY_THE_STUDY = ("seed", "output_path")


def _name(value: Any) -> Any:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        refuse("a name of letters, digits, '-' and '_', which becomes a folder's name")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _changes(value: Any) -> Any:
    if not isinstance(value, dict):
        refuse("an object: key of the experiment, such as optimizer.train.solver.lr → value")
    for key in value:
        if not key or not all(part.strip() for part in key.split(".")):
            refuse("keys such as optimizer.train.solver.lr")
        if key in _GIVEN_BY_THE_STUDY:
            refuse(f"keys other than '{key}', which the study gives each run")
    return value


def _grid(value: Any) -> Any:
    for key, values in _changes(value).items():
        if not isinstance(values, list) or not values:
            refuse(f"an object with a list of values per key; that of '{key}' is none")
    return value


def _seeds(value: Any) -> Any:
    whole = isinstance(value, list | tuple) and all(type(one) is int and one >= 0 for one in value)
    if not whole or not value or len(set(value)) < len(value):
        refuse("a list of integers >= 0, each once")
    return tuple(value)


def _engine(value: Any) -> Any:
    if isinstance(value, EngineSettings):
        return value
    named = {"name": value} if isinstance(value, str) else value
    if not isinstance(named, dict) or named.get("name") not in ENGINES:
        name = named.get("name") if isinstance(named, dict) else value
        refuse(f"'local' or 'slurm', or an object with it as 'name'{_close(name)}")
    return named


def _close(name: Any) -> str:
    return did_you_mean(name, ENGINES) if isinstance(name, str) else ""


def _objects(value: Any) -> Any:
    if not isinstance(value, dict) or not value:
        refuse("an object with at least one experiment: a name of your choice → its settings")
    return value


Name = Annotated[str, BeforeValidator(_name)]
Changes = Annotated[dict[str, Any], BeforeValidator(_changes)]
Grid = Annotated[dict[str, list[Any]], BeforeValidator(_grid)]
Seeds = Annotated[tuple[int, ...], BeforeValidator(_seeds)]
Names = Annotated[list[str], BeforeValidator(_as_list), allowed("a name, or a list of names")]
Text = Annotated[str, Field(min_length=1, max_length=4096), allowed("text")]
Lines = Annotated[list[str], allowed("a list of shell commands")]


class ExperimentSettings(BaseModel):
    """One experiment of a study, which is run once per seed and value of the grid.

    Args:
        file: the experiment's JSON file, relative to the study's.
        after: experiments whose run with the same seed has to be finished before.
        set: values of the experiment by their path; `{search}` in a text stands for the folder of
            the run of `search` with the same seed.
        grid: values to try by their path: one run per seed and combination.
        seeds: by default those of the study.
        folder: of the run, in place of the one in the study's output folder; for experiments with
            one seed and no grid.
    """

    model_config = STRICT

    file: Text
    after: Names = []
    set: Changes = {}
    grid: Grid = {}
    seeds: Seeds | None = None
    folder: FolderPath | None = None


class Comparison(BaseModel):
    """What the report at the end compares.

    Args:
        value: a metric of result.json, as its path below `metrics`.
        against: the experiment that the others are compared with.
        by: what runs are paired by.
    """

    model_config = STRICT

    value: Text = "test.error"
    against: Text | None = None
    by: Text = "seed"


class EngineSettings(BaseModel):
    """Where runs are started, and how many at a time.

    Args:
        name: `local`: processes on this machine; `slurm`: jobs of a cluster.
        jobs: runs at a time (local); by default one per GPU, or one per two cores on a CPU.
        threads: threads of each run; by default its share of the cores (local), or `cpus` (Slurm).
        partition: of the cluster, by default its default.
        account: that the cluster charges.
        qos: quality of service.
        constraint: features that a node must have.
        time: most minutes of a job; a run that needs longer is queued again and goes on.
        notice: seconds before that time at which a run is asked to end.
        memory: of a job, such as `4GB`.
        cpus: cores of a job.
        gpus: GPUs of a job.
        max_at_once: runs of one experiment at a time (Slurm).
        setup: shell commands before a run, such as `module load cuda`.
    """

    model_config = STRICT

    name: str = "local"
    jobs: PositiveCount | None = None
    threads: PositiveCount | None = None
    partition: Text | None = None
    account: Text | None = None
    qos: Text | None = None
    constraint: Text | None = None
    time: PositiveCount = 240
    notice: PositiveCount = 120
    memory: Text | None = None
    cpus: PositiveCount = 1
    gpus: Count = 0
    max_at_once: PositiveCount | None = None
    setup: Lines = []


Engine = Annotated[EngineSettings, BeforeValidator(_engine)]
Experiments = Annotated[dict[Name, ExperimentSettings], BeforeValidator(_objects)]


class StudyFile(BaseModel):
    """A study as its file says it; the fields are the keys.

    Args:
        experiments: by names of your choice.
        seeds: of the runs of each experiment.
        set: values of all experiments by their path; an experiment's own win.
        output_path: the folder of all runs.
        compare: what the report at the end compares; null for none.
        engine: where runs are started.
        retries: how often a run is tried again that was killed or lost its machine.
    """

    model_config = STRICT

    experiments: Experiments
    seeds: Seeds = (0,)
    set: Changes = {}
    output_path: FolderPath = "log/study"
    compare: Comparison | None = Comparison()
    engine: Engine = EngineSettings()
    retries: Count = 1

    @property
    def value(self) -> str:
        """The metric that runs are shown by."""
        return (self.compare or Comparison()).value
