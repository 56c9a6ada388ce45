"""Going on with a run that was stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from nnabla_nas.artifact.environment import describe_software
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.state_file import read_tree
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.errors import InputError, NasError
from nnabla_nas.runner.runner import Runner

# What may differ without the rest of the run becoming another one.
_MAY_DIFFER = frozenset({"output_path", "print_frequency", "context", "device_id", "threads"})


def is_finished(folder: RunFolder, epoch: int) -> bool:
    """Return whether a folder holds a run that has come to its end.

    Args:
        folder: the output folder.
        epoch: how many epochs it shall last; a run of fewer can go on.

    Raises:
        DamagedError: if one of its files has changed since.
    """
    if not folder.result.exists() or _read_json(folder.result).get("status") != "finished":
        return False
    folder.check_files()
    before = _read_json(folder.config).get("epoch")
    return not isinstance(before, int) or epoch <= before


def check_same_experiment(folder: RunFolder, experiment: Experiment) -> None:
    """Check that a folder's run is the one that an experiment describes.

    Args:
        folder: the output folder; one without a run suits every experiment.
        experiment: the completed experiment. It may last for more epochs.

    Raises:
        InputError: with one line per key that differs.
    """
    if not folder.config.exists():
        return
    before = _read_json(folder.config)
    now = experiment.to_json()
    epoch = before.get("epoch")
    if isinstance(epoch, int) and epoch < now["epoch"]:
        before["epoch"] = now["epoch"]
    faults = [
        f"{folder.config}: {key}: was {json.dumps(old)}, now {json.dumps(new)}; a resumed run "
        "keeps it (choose another folder with -o for another experiment)"
        for key, old, new in _differences(before, now)
        if key not in _MAY_DIFFER
    ]
    if faults:
        raise InputError(faults)


def lanes_of(folder: RunFolder) -> int | None:
    """Return how many lanes the kernels had that a folder's run was begun with.

    A resumed run goes on with them, on whatever processor: they decide the last bits of sums.

    Args:
        folder: the output folder.

    Returns:
        None where no kernels computed, and where no run was begun.
    """
    if not folder.config.exists():
        return None
    environment = _read_json(folder.config).get("environment")
    kernels = environment.get("kernels") if isinstance(environment, dict) else None
    lanes = kernels.get("lanes") if isinstance(kernels, dict) else None
    return lanes if isinstance(lanes, int) else None


def restore(runner: Runner, checksum: str) -> bool:
    """Load the newest good checkpoint of a runner's output folder.

    Args:
        runner: the runner, which then stands where that checkpoint was written.
        checksum: that of the data set.

    Returns:
        Whether there was a checkpoint.

    Raises:
        NasError: if there are checkpoints, but none can be read (exit code 1).
        InputError: if data set or architecture are others than they were, or there is no
            checkpoint of a run that has come further than its start.
    """
    folder, monitor = runner.folder, runner.monitor
    state = runner.checkpoints.load(monitor.warning)
    if state is None:
        if folder.result.exists() or folder.trajectory.exists():
            raise InputError(
                f"{folder.path}: holds a run, but no checkpoint to go on from: {folder.checkpoint} "
                "is empty or gone; choose another folder with -o, or remove this one"
            )
        folder.reopen()
        monitor.info(f"no checkpoint in {folder.path}: starting from the beginning")
        return False
    environment = _read_json(folder.config).get("environment") or {}
    if environment.get("data_checksum", checksum) != checksum:
        raise InputError(f"{folder.config}: the data set is not the one the run was begun with")
    changed = _changed_software(state.get("software"))
    if changed:
        monitor.warning(changed)
    try:
        runner.load_state_dict(state)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise NasError(f"{folder.checkpoint}: not a checkpoint of this run ({error})") from error
    # Until the run ends again it is not finished, also where it goes on for more epochs.
    folder.reopen()
    _bring_back(runner)
    monitor.info(f"resumed after update {runner.progress.step}")
    return True


def _bring_back(runner: Runner) -> None:
    """Give the folder the files that the checkpoint relies on, as they were then."""
    for path in runner.kept_files():
        kept = runner.checkpoints.kept(path)
        if kept is None and path.is_file():
            runner.monitor.warning(f"{path}: the checkpoint has no copy to compare it with")
            continue
        if kept is None:
            raise NasError(
                f"{runner.folder.checkpoint}: the checkpoint lacks {path.name}, which holds the "
                "weights to keep"
            )
        with runner.folder.replacing(path) as partial:
            shutil.copyfile(kept, partial)


def _changed_software(before: Any) -> str:
    """Return what a checkpoint was written by that this process is not, in a line, or nothing."""
    known = before if isinstance(before, dict) else {}
    now = describe_software()
    changes = [
        f"{name} {known.get(name) or 'unknown'} (now {value})"
        for name, value in now.items()
        if known.get(name) != value
    ]
    if not changes:
        return ""
    return (
        f"the checkpoint was written by {', '.join(changes)}: the last bits of what follows may "
        "differ from those of a run that was not stopped"
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_tree(path)
    except (OSError, ValueError) as error:
        raise NasError(f"{path}: cannot be read ({error}); --resume needs it") from error


def _differences(before: Any, now: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """Return (key path, old, new) of what differs, the environment block apart."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted((before.keys() | now.keys()) - ({"environment"} if not path else set()))
        found = []
        for key in keys:
            inner = f"{path}.{key}" if path else key
            found += _differences(before.get(key), now.get(key), inner)
        return found
    return [] if before == now else [(path, before, now)]
