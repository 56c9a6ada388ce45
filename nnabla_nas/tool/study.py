"""Run the experiments of a study, with all their seeds, and compare them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from nnabla_nas.artifact.folder_lock import FolderLock
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.writing import writing
from nnabla_nas.errors import InputError, NasError, OutputFolderError
from nnabla_nas.study.console import Console, Standing
from nnabla_nas.study.folders import StudyFolder, is_finished
from nnabla_nas.study.overview import overview
from nnabla_nas.study.plan import Run, plan
from nnabla_nas.study.reading import read_study
from nnabla_nas.study.study import ENGINES, EngineSettings, StudyFile
from nnabla_nas.tool.parser import ToolParser

_EPILOG = (
    "A run is a folder, and the folders are all that is kept: the same command again starts what "
    "is\nunfinished and nothing else. Ctrl-C ends all runs after their update."
)


def main(argv: Sequence[str]) -> int:
    """Run a study, or say what it would do or where it stands.

    Args:
        argv: the arguments behind `study`.

    Returns:
        The exit code.

    Raises:
        InputError: if something is wrong, before anything is computed.
        NasError: if runs failed.
    """
    parser = ToolParser("study", "Run experiments with many seeds, and compare them.", _EPILOG)
    parser.add_argument("study", metavar="STUDY.json", help="the study's file")
    parser.add_argument("-o", "--output-path", help="folder of all runs (default: JSON)")
    parser.add_argument("--engine", choices=ENGINES, help="where runs are started (default: JSON)")
    parser.add_argument("--jobs", type=int, metavar="N", help="runs at a time on this machine")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="start these experiments alone")
    parser.add_argument("--dry-run", action="store_true", help="print the runs and start none")
    parser.add_argument("--status", action="store_true", help="print where every run stands")
    arguments = parser.parse(argv)
    if arguments.jobs is not None and arguments.jobs < 1:
        raise InputError(f"--jobs: got {arguments.jobs}; allowed an integer >= 1")
    return run_study(
        Path(arguments.study),
        arguments.output_path,
        engine=arguments.engine,
        jobs=arguments.jobs,
        only=arguments.only,
        dry_run=arguments.dry_run,
        status=arguments.status,
    )


def run_study(
    file: Path,
    output_path: str | None = None,
    *,
    engine: str | None = None,
    jobs: int | None = None,
    only: Sequence[str] | None = None,
    dry_run: bool = False,
    status: bool = False,
    flags: dict[str, Any] | None = None,
) -> int:
    """Run the study of a file.

    Args:
        file: the study's file.
        output_path: the folder of all runs, by default the file's.
        engine: the engine's name, by default the file's.
        jobs: runs at a time on this machine, by default the file's.
        only: names of the experiments to run; by default all.
        dry_run: print the runs and start none.
        status: print where every run stands and start none.
        flags: further values that win over the file's, by key.

    Returns:
        The exit code.

    Raises:
        InputError: if something is wrong, before anything is computed.
        NasError: if runs failed.
    """
    given = dict(flags or {})
    if output_path is not None:
        given["output_path"] = output_path
    study = read_study(str(file), given)
    output = Path(study.output_path)
    planned = plan(study, file.parent, output)
    runs = _chosen(planned, study, only)
    folder = StudyFolder(output)
    RunFolder(output).check(resume=True)
    if status:
        print("\n".join(overview(runs, folder, study.value, None)))
        _compare(study, planned, folder)
        return 0
    from nnabla_nas.device.quiet import quiet_nnabla
    from nnabla_nas.study.validation import check_runs

    quiet_nnabla()
    experiments = check_runs(runs)
    settings = study.engine
    if engine not in (None, settings.name):
        settings = settings.model_copy(update={"name": engine})
    uses_gpus = any(experiment.context != "cpu" for experiment in experiments)
    if settings.name == "slurm" and not dry_run:
        return _submit(study, settings, runs, planned, folder)
    from nnabla_nas.study.engine.local import LocalEngine, choose_slots

    slots = choose_slots(jobs or settings.jobs, settings.threads, _n_gpus() if uses_gpus else 0)
    if dry_run:
        print("\n".join(overview(runs, folder, study.value, slots.n)))
        return 0
    with closing(_held(folder)):
        folder.write(planned, study.compare.model_dump() if study.compare else None)
        console = Console(folder, study.value)
        standing = LocalEngine(folder, console, slots, study.retries).run(runs)
    _compare(study, planned, folder)
    _check(standing, folder)
    return 0


def _submit(
    study: StudyFile,
    settings: EngineSettings,
    runs: Sequence[Run],
    planned: list[Run],
    folder: StudyFolder,
) -> int:
    """Submit what is left to a cluster and say where it stands."""
    from nnabla_nas.study.engine.slurm import SlurmEngine

    engine = SlurmEngine(folder, settings, study.retries)
    engine.queued()
    with closing(_held(folder)):
        folder.write(planned, study.compare.model_dump() if study.compare else None)
        submitted = engine.submit(runs)
    print("\n".join(overview(runs, folder, study.value, None)))
    if submitted:
        print(
            f"submitted {len(submitted)} runs to Slurm; `--status` says where they stand, and the "
            "same\ncommand submits again what was lost"
        )
    elif all(map(is_finished, runs)):
        _compare(study, planned, folder)
    else:
        print("nothing to submit: what is left is queued or running")
    return 0


def _chosen(runs: list[Run], study: StudyFile, only: Sequence[str] | None) -> list[Run]:
    """Return the runs of some experiments; those they come after must be finished."""
    if only is None:
        return runs
    unknown = [name for name in only if name not in study.experiments]
    if unknown:
        names = ", ".join(sorted(study.experiments))
        raise InputError(f"--only: got '{unknown[0]}'; allowed {names}")
    chosen = [run for run in runs if run.experiment in only]
    before = {run.name: run for run in runs if run.experiment not in only}
    faults = [
        f"--only: {run.name} comes after {name}, which is not finished; name its experiment too"
        for run in chosen
        for name in run.after
        if name in before and not is_finished(before[name])
    ]
    if faults:
        raise InputError(faults)
    return chosen


def _n_gpus() -> int:
    from nnabla_nas.device.gpus import list_gpus

    return len(list_gpus())


def _held(folder: StudyFolder) -> _Lock:
    lock = FolderLock(folder.lock)
    with writing(folder.lock):
        folder.lock.parent.mkdir(parents=True, exist_ok=True)
        taken = lock.acquire()
    if not taken:
        holder = lock.holder() or "another process"
        raise OutputFolderError(
            f"{folder.path}: a study is under way here, in {holder}; --status says where it stands"
        )
    return _Lock(lock)


class _Lock:
    def __init__(self, lock: FolderLock) -> None:
        self._lock = lock

    def close(self) -> None:
        self._lock.release()


def _compare(study: StudyFile, runs: Sequence[Run], folder: StudyFolder) -> None:
    """Print the comparison of what is finished, and write the report into the study's folder."""
    if study.compare is None or not any(map(is_finished, runs)):
        return
    # Only here: the libraries of statistics and pictures take their time.
    from nnabla_nas.report import compare

    compared = compare([folder.path])
    print(f"\n{compared.text()}")
    files = ", ".join(path.name for path in compared.write(folder.path))
    print(f"\nin {folder.path}: {files}")


def _check(standing: Standing, folder: StudyFolder) -> None:
    if not standing.failed:
        return
    first = next(iter(standing.failed.items()))
    raise NasError(
        f"{len(standing.failed)} runs failed, such as {first[0]}: {first[1]}; what each said is in "
        f"{folder.path / '.study'}"
    )
