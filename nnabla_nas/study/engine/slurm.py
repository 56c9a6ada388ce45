"""Runs as jobs of a Slurm cluster, submitted as arrays; nothing stays on the login node."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nnabla_nas
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.errors import InputError, NasError
from nnabla_nas.study.folders import StudyFolder
from nnabla_nas.study.plan import Run
from nnabla_nas.study.process import command
from nnabla_nas.study.study import EngineSettings

_ROOT = Path(nnabla_nas.__file__).resolve().parent.parent
# Of one job: a run is queued again as long as it needs.
_MOST_TIMEOUTS = 10_000


@dataclass(frozen=True)
class Task:
    """Where a run is queued.

    Args:
        job: the number of its array.
        index: its place in the array, None for a job that is no array.
    """

    job: str
    index: int | None

    def __str__(self) -> str:
        return self.job if self.index is None else f"{self.job}_{self.index}"


class SlurmEngine:
    """Submits what is neither finished nor queued.

    Args:
        folder: the study's folder.
        settings: of the engine.
        retries: how often a run that was killed is tried again by its job.
    """

    def __init__(self, folder: StudyFolder, settings: EngineSettings, retries: int) -> None:
        self._folder = folder
        self._settings = settings
        self._retries = retries
        digest = hashlib.sha256(str(folder.path.resolve()).encode()).hexdigest()
        self._name = f"study-{digest[:12]}"

    def submit(self, runs: Sequence[Run]) -> list[Run]:
        """Submit what is to be done, each experiment as an array, and return at once.

        Args:
            runs: the study's runs, in order.

        Returns:
            The runs that were submitted.

        Raises:
            InputError: if Slurm or submitit is missing.
            NasError: if a job is refused.
        """
        queued = self.queued()
        todo = [
            run
            for run in runs
            if run.name not in queued and self._folder.state(run) in ("unfinished", "failed")
        ]
        variants: dict[str, list[Run]] = {}
        for run in todo:
            variants.setdefault(run.variant, []).append(run)
        # An experiment's runs stand behind those that they come after, also if seed by seed.
        left = list(variants.values())
        while left:
            names = {run.name for members in left for run in members}
            members = next(m for m in left if all(names.isdisjoint(run.after) for run in m))
            left.remove(members)
            for array, dependency in _arrays(members, queued):
                queued |= self._submit(array, dependency)
        return todo

    def queued(self) -> dict[str, Task]:
        """Return where runs are queued or running now, by the run's name.

        Raises:
            InputError: if there is no Slurm.
        """
        alive: dict[str, list[tuple[str, int | None]]] = {}
        for line in _ask("squeue", "--noheader", "--array", "--format=%j %F %K").splitlines():
            name, job, index = line.split()
            alive.setdefault(name, []).append((job, int(index) if index.isdigit() else None))
        found = {}
        for path in sorted(self._folder.jobs.glob("*.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            for number, place in alive.get(record["job"], []):
                found[record["runs"][place or 0]] = Task(number, place)
        return found

    def _submit(self, runs: Sequence[Run], dependency: str | None) -> dict[str, Task]:
        from nnabla_nas.study.engine.job import Job

        executor = _executor(self._folder.jobs / "submitit")
        number = len(list(self._folder.jobs.glob("*.json")))
        name = f"{self._name}-{number}"
        # Before the jobs: what is queued is known by the name, whatever happens to this process.
        record = {"job": name, "runs": [run.name for run in runs]}
        self._folder.jobs.mkdir(parents=True, exist_ok=True)
        path = self._folder.jobs / f"{number:06d}.json"
        RunFolder(self._folder.jobs).write_json(path, record)
        threads = self._settings.threads or self._settings.cpus
        executor.update_parameters(**self._parameters(name, dependency))
        tasks = [
            Job(
                self._folder.path.absolute(),
                run,
                command(run, ["--threads", str(threads)]),
                self._retries,
            )
            for run in runs
        ]
        try:
            with executor.batch():
                jobs = [executor.submit(task) for task in tasks]
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            path.unlink()
            reason = " ".join(str(error).split())
            raise NasError(f"Slurm refuses the jobs of {runs[0].variant}: {reason}") from error
        ids = [str(job.job_id).partition("_") for job in jobs]
        return {
            run.name: Task(job, int(index) if index else None)
            for run, (job, _, index) in zip(runs, ids, strict=True)
        }

    def _parameters(self, name: str, dependency: str | None) -> dict[str, Any]:
        settings = self._settings
        wanted: Mapping[str, Any] = {
            "partition": settings.partition,
            "account": settings.account,
            "qos": settings.qos,
            "constraint": settings.constraint,
            "gpus_per_node": settings.gpus or None,
            "dependency": dependency,
            "array_parallelism": settings.max_at_once,
        }
        more: dict[str, Any] = {"requeue": True, "kill-on-invalid-dep": "yes"}
        if settings.memory is not None:
            more["mem"] = settings.memory
        return {
            "job_name": name,
            "time": settings.time,
            "cpus_per_task": settings.cpus,
            "signal_delay_s": settings.notice,
            "setup": [f'export PYTHONPATH="{_ROOT}${{PYTHONPATH:+:$PYTHONPATH}}"', *settings.setup],
            "stderr_to_stdout": True,
            "additional_parameters": more,
            **{key: value for key, value in wanted.items() if value is not None},
        }


def _arrays(
    runs: Sequence[Run], queued: Mapping[str, Task]
) -> list[tuple[Sequence[Run], str | None]]:
    """Return what to submit at once, and what it has to wait for.

    Task for task, an array waits for another one; where the places differ each run is a job.
    """
    waits = [[queued[name] for name in run.after if name in queued] for run in runs]
    if not any(waits):
        return [(runs, None)]
    jobs = [[task.job for task in tasks] for tasks in waits]
    places = [{task.index for task in tasks} for tasks in waits]
    if len(runs) > 1 and jobs == jobs[:1] * len(runs) and places == [{n} for n in range(len(runs))]:
        return [(runs, ",".join(f"aftercorr:{job}" for job in jobs[0]))]
    return [
        ([run], ",".join(f"afterok:{task}" for task in tasks) or None)
        for run, tasks in zip(runs, waits, strict=True)
    ]


def _ask(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise InputError(
            f"engine: {words[0]} is not here; is this a cluster's login node?"
        ) from error
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split())
        raise InputError(f"engine: {words[0]} fails: {reason}") from error
    return done.stdout


def _executor(folder: Path) -> Any:
    try:
        from submitit import SlurmExecutor
    except ModuleNotFoundError as error:
        raise InputError(
            "engine: the package 'submitit' is missing; `./run.sh --extra slurm ...` brings it"
        ) from error
    return SlurmExecutor(folder, max_num_timeout=_MOST_TIMEOUTS)
