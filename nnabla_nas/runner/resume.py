"""Going on with a run that was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
    """
    if not folder.result.exists() or _read_json(folder.result).get("status") != "finished":
        return False
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


def restore(runner: Runner, checksum: str) -> bool:
    """Load the newest good checkpoint of a runner's output folder.

    Args:
        runner: the runner, which then stands where that checkpoint was written.
        checksum: that of the data set.

    Returns:
        Whether there was a checkpoint.

    Raises:
        NasError: if there are checkpoints, but none can be read (exit code 1).
        InputError: if data set or architecture are others than they were.
    """
    folder, monitor = runner.folder, runner.monitor
    state = runner.checkpoints.load(monitor.warning)
    if state is None:
        monitor.info(f"no checkpoint in {folder.path}: starting from the beginning")
        return False
    environment = _read_json(folder.config).get("environment") or {}
    if environment.get("data_checksum", checksum) != checksum:
        raise InputError(f"{folder.config}: the data set is not the one the run was begun with")
    try:
        runner.load_state_dict(state)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise NasError(f"{folder.checkpoint}: not a checkpoint of this run ({error})") from error
    # Until the run ends again it is not finished, also where it goes on for more epochs.
    folder.result.unlink(missing_ok=True)
    monitor.info(f"resumed after update {runner.progress.step}")
    return True


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
