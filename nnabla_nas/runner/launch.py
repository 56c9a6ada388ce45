"""From a completed experiment to an exit code."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas import random
from nnabla_nas.artifact.environment import describe_environment
from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.config.completion import build_dataset, build_network
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.dataset.dataset import Data, Dataset
from nnabla_nas.dataset.inputs import Inputs
from nnabla_nas.device.context import choose_device
from nnabla_nas.device.runtime import Runtime
from nnabla_nas.errors import DivergedError, InputError, NasError, printable
from nnabla_nas.export.run import export_run
from nnabla_nas.export.trained_run import kept_network
from nnabla_nas.registry import runners
from nnabla_nas.runner.alone import require_one_process
from nnabla_nas.runner.constraints import check_constraints
from nnabla_nas.runner.ending import early_ending
from nnabla_nas.runner.interruption import Interruption, StoppedError
from nnabla_nas.runner.mode import check_mode
from nnabla_nas.runner.resume import check_same_experiment, is_finished, lanes_of, restore
from nnabla_nas.runner.runner import Runner
from nnabla_nas.runner.summary import summarize
from nnabla_nas.search_space.model import Model


def launch(
    experiment: Experiment,
    notices: Sequence[str] = (),
    *,
    dry_run: bool = False,
    resume: bool = False,
    visualize: bool = True,
    save_nnp: bool = False,
) -> int:
    """Run an experiment, or only build it and say what it would be.

    Args:
        experiment: the completed experiment.
        notices: what completing it found worth saying.
        dry_run: build and print the summary; read no data, measure nothing, write nothing.
        resume: go on from the newest good checkpoint in the output folder.
        visualize: whether to draw architectures.
        save_nnp: also write the trained network as an nnp file.

    Returns:
        The exit code.

    Raises:
        NasError: with the exit code and the message for the user.
    """
    folder = RunFolder(experiment.output_path)
    if not dry_run:
        require_one_process()
        folder.check(resume)
        if resume:
            check_same_experiment(folder, experiment)
        if resume and is_finished(folder, experiment.epoch):
            print(printable(f"{folder.path} holds a finished run: nothing to resume"))
            return 0
    device = choose_device(experiment.context, experiment.device_id, experiment.type_config)
    runtime = Runtime(device, random.Streams(experiment.seed))
    with (
        Interruption() as interruption,
        Monitor() as monitor,
        random.use(runtime.streams),
        nn.context_scope(device.context),
    ):
        for notice in (*notices, *device.notices):
            monitor.once(notice)
        if device.name == "cpu" and not dry_run:
            lanes = lanes_of(folder) if resume else None
            _use_cores(experiment.threads, lanes, monitor, interruption)
        given = experiment
        if dry_run:
            experiment = _with_stand_in(experiment, monitor)
        dataset: Dataset = build_dataset(experiment)
        try:
            model: Model = build_network(experiment)
        except MemoryError as error:
            raise NasError(f"the network does not fit into memory: {error}") from error
        runner_class: type[Runner] = runners.get(experiment.algorithm.name)
        check_mode(experiment, runner_class, model)
        if save_nnp and runner_class.searches:
            monitor.once("--save-nnp is not used: a search trains no network to keep")
        summary = summarize(experiment, device.description, dataset.info, model)
        monitor.info(summary)
        if dry_run:
            # What stands in may have operations that a table need not know.
            if experiment is given:
                check_constraints(experiment, model, dataset.info.shape)
            return 0
        data = dataset.read()
        inputs = Inputs.of(dataset.info, data)
        options = experiment.algorithm.options
        interruption.check("before the first update")
        with closing(
            runner_class(experiment, runtime, model, data, folder, monitor, visualize, **options)
        ) as runner:
            runner.interruption = interruption
            if save_nnp and not runner_class.searches:
                runner.complete = _exporting(runner, inputs)
            return _run(runner, data, inputs, summary, resume)


def _use_cores(
    threads: int | None, lanes: int | None, monitor: Monitor, interruption: Interruption
) -> None:
    """Prepare the CPU; while kernels are compiled, end at once if asked to."""
    try:
        if lanes is not None and function.has_compiler():
            function.use_lanes(lanes)
        function.use_cores(
            threads,
            monitor.once,
            monitor.progress,
            lambda: interruption.check("before the run began, while kernels were compiled"),
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    except RuntimeError as error:
        raise NasError(str(error)) from error


def _with_stand_in(experiment: Experiment, monitor: Monitor) -> Experiment:
    """Leave out files of other runs that do not exist yet, and say so.

    A dry run then summarizes a random architecture of the space instead of refusing, with fresh
    weights: those of a file would not fit it.
    """
    network = experiment.network
    given = {name: network.arguments.get(name) for name in ("genotype", "param_path", "weights")}
    paths = {name: path for name, path in given.items() if isinstance(path, str)}
    left_out = [name for name, path in paths.items() if not Path(path).exists()]
    for name in left_out:
        stand_in = (
            "fresh weights stand in" if name == "weights" else "a random architecture stands in"
        )
        monitor.once(printable(f"{paths[name]} does not exist yet: {stand_in} for it"))
    if left_out and "weights" in paths:
        left_out.append("weights")
    if not left_out:
        return experiment
    arguments = {**network.arguments, **dict.fromkeys(left_out)}
    return experiment.model_copy(
        update={"network": network.model_copy(update={"arguments": arguments})}
    )


def _exporting(runner: Runner, inputs: Inputs) -> Callable[[Mapping[str, Any]], None]:
    """Return what writes the network of a training that is about to say that it has finished."""

    def export(result: Mapping[str, Any]) -> None:
        run = kept_network(runner.folder, runner.experiment, runner.model, inputs, result)
        with function.in_float():
            path = export_run(run, "nnp")
        runner.monitor.info(f"the network is in {path}")

    return export


def _run(runner: Runner, data: Data, inputs: Inputs, summary: str, resume: bool) -> int:
    """Open the output folder and run; what the user could have done wrong has shown before."""
    folder, monitor, record = runner.folder, runner.monitor, runner.record
    with closing(folder.open(resume)):
        monitor.attach(folder.log)
        resumed = resume and restore(runner, data.checksum)
        record.open(runner.progress.step if resumed else None)
        try:
            environment = {
                **describe_environment(),
                "device": runner.runtime.device.description,
                "kernels": function.describe_kernels(),
                "data_checksum": data.checksum,
                "inputs": inputs.to_json(),
            }
            config = {**runner.experiment.to_json(), "environment": environment}
            record.describe(summary, config)
            if not resumed:
                runner.save_checkpoint()
            return runner.run()
        except DivergedError:
            runner.diverged()
            raise
        except StoppedError:
            runner.stopped()
            raise
        except NasError:
            monitor.info(early_ending("failed", runner.progress, folder))
            raise
        except Exception as error:
            monitor.traceback(error)
            monitor.info(early_ending("failed", runner.progress, folder))
            raise NasError(_explain(error, folder)) from error
        finally:
            record.close()


def _explain(error: Exception, folder: RunFolder) -> str:
    """Return one line for the user about an error nobody expected."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "memory" in text.lower():
        return (
            "out of memory; lower mini_batch_train and mini_batch_valid (they divide the batch "
            f"sizes and change no result but batch statistics): {text[:200]}"
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full: {text}"
    return f"{type(error).__name__}: {text[:300]} (traceback in {folder.log})"
