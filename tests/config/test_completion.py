"""The second stage: classes, signatures and defaults, on toy classes and on nnabla's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.config import Experiment, read_experiment
from nnabla_nas.config.completion import build_dataset, build_network, complete
from nnabla_nas.errors import InputError

Write = Callable[[Any], str]
Completed = Callable[..., tuple[Experiment, list[str]]]
Faults = Callable[..., list[str]]


@pytest.fixture
def completed(write: Write, search: dict[str, Any]) -> Completed:
    """Return a function that reads the toy experiment with overrides, and completes it."""

    def completed(*overrides: str, algorithm: str = "ToySearcher") -> tuple[Experiment, list[str]]:
        return complete(read_experiment(write(search), {"algorithm": algorithm}, overrides))

    return completed


@pytest.fixture
def faults(completed: Completed, tmp_path: Path) -> Faults:
    """Return a function that gives the lines of the faults, without the file's name."""
    prefix = f"{tmp_path / 'experiment.json'}: "

    def faults(*overrides: str, algorithm: str = "ToySearcher") -> list[str]:
        with pytest.raises(InputError) as caught:
            completed(*overrides, algorithm=algorithm)
        return [line.removeprefix(prefix) for line in caught.value.faults]

    return faults


def test_writes_every_default_out(completed: Completed) -> None:
    experiment, notices = completed()
    values = experiment.to_json()
    assert values["input_shape"] == [1, 6, 6]
    assert values["network"] == {
        "search_space": "toy_space",
        "num_classes": 4,
        "in_channels": 1,
        "settings": [[1, 2], [3, 4]],
        "width": 1,
        "mode": "sample",
        "kernel": [3, 3],
    }
    assert values["algorithm"] == {"name": "ToySearcher", "samples": 3, "name_of": "x"}
    solver = {"name": "ToySolver", "alpha": 0.5, "momentum": 0.9, "nesterov": False}
    assert values["optimizer"]["train"]["solver"] == solver
    assert notices == []


@pytest.mark.parametrize("algorithm", ["ToySearcher", "ToyTrainer"])
def test_completed_experiment_reproduces_itself(
    completed: Completed, write: Write, algorithm: str
) -> None:
    overrides = ["dataset=toy_any", 'network.genotype="a.h5"', "algorithm={}"]
    first, notices = completed(*overrides, f"algorithm.name={algorithm}", algorithm=algorithm)
    assert json.loads(json.dumps(first.to_json())) == first.to_json()
    again = read_experiment(write(first.to_json()))
    assert again == first
    assert complete(again) == (first, notices)


def test_builds_the_data_set_with_the_experiments_shape_and_seed(completed: Completed) -> None:
    experiment, _ = completed("dataset=toy_any", "input_shape=[2,4,4]", "seed=7", "dataset.path=p")
    dataset = build_dataset(experiment)
    assert (dataset.info.shape, dataset.seed) == ((2, 4, 4), 7)
    assert experiment.dataset.options == {"n_classes": 4, "path": "p"}
    assert experiment.network.arguments["in_channels"] == 2


def test_builds_the_network_the_algorithm_needs(completed: Completed) -> None:
    experiment, _ = completed()
    network = build_network(experiment)
    assert type(network).__name__ == "SearchNet"
    assert network.given == {
        "num_classes": 4,
        "in_channels": 1,
        "settings": [(1, 2), (3, 4)],
        "width": 1,
        "mode": "sample",
        "kernel": (3, 3),
    }
    experiment, _ = completed("network.genotype=arch.h5", algorithm="ToyTrainer")
    network = build_network(experiment)
    assert type(network).__name__ == "TrainNet"
    assert network.genotype == "arch.h5"


def test_argument_of_the_other_network_is_kept_and_noted(completed: Completed) -> None:
    experiment, notices = completed("network.genotype=arch.h5")
    assert notices == ["network.genotype is not used by SearchNet"]
    assert experiment.network.arguments["genotype"] == "arch.h5"
    assert type(build_network(experiment)).__name__ == "SearchNet"


def test_what_the_other_kind_of_algorithm_needs_is_noted(completed: Completed) -> None:
    _, notices = completed(algorithm="ToyTrainer")
    assert notices == [
        "optimizer.valid is not used by ToyTrainer",
        "optimizer.warmup is not used by ToyTrainer",
        "warmup is not used by ToyTrainer",
    ]
    _, notices = completed("warmup=0")
    assert notices == ["optimizer.warmup is not used by ToySearcher"]


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("dataset.n=3", "dataset.n: unknown argument; allowed none"),
        ("dataset={'name'}", None),
        ("input_shape=[1,8,8]", "input_shape: got [1, 8, 8]; allowed [1, 6, 6], the shape of data"),
        ("network.num_classes=10", "network.num_classes: got 10; allowed 4, the number of classes"),
        (
            "network.in_channels=3",
            "network.in_channels: got 3; allowed 1, the channels of data set",
        ),
        ("network.widht=2", "network.widht: unknown argument; allowed activation, genotype, in_"),
        ("network.width=[2]", "network.width: got [2]; allowed a number"),
        ("network.width=true", "network.width: got true; allowed a number"),
        ("network.mode=max", "network.mode: got \"max\"; allowed 'full' or 'sample'"),
        ("network.kernel=[3]", "network.kernel: got [3]; allowed a list [an integer, an integer]"),
        ("network.kernel=[2,2]", "network.kernel.0: got 2; allowed odd"),
        ("network.settings=5", "network.settings: got 5; allowed a list of lists [an integer, an"),
        ("network.settings.1.1=x", 'network.settings: got [[1, 2], [3, "x"]]; allowed a list of'),
        ("network.genotype=3", "network.genotype: got 3; allowed text or null"),
        ("network.activation=abs", 'network.activation: got "abs"; allowed a Callable'),
        ("algorithm.samples=0", "algorithm.samples: got 0; allowed an integer >= 1"),
        ("algorithm.sample=3", "algorithm.sample: unknown argument; allowed name_of, samples; did"),
        ("optimizer.train.solver.lr=-1", "optimizer.train.solver.lr: got -1; allowed a step size"),
        ("optimizer.train.solver.lr=x", 'optimizer.train.solver.lr: got "x"; allowed a number'),
        ("optimizer.train.solver.alpha=1", "optimizer.train.solver.lr: given beside 'alpha', the"),
        ("optimizer.valid.solver.alpha=-1", "optimizer.valid.solver.alpha: got -1; allowed a step"),
        ("optimizer.valid.solver.momentum=[]", "optimizer.valid.solver.momentum: got []; allowed"),
        ("optimizer.valid.solver.nesterov=1", "optimizer.valid.solver.nesterov: got 1; allowed tr"),
        ("optimizer.valid.solver.mu=1", "optimizer.valid.solver.mu: unknown argument; allowed alp"),
        ("batch_size_train=80", "batch_size_train: got 80; allowed at most 50, the examples of 't"),
        ("batch_size_valid=80", "batch_size_valid: got 80; allowed at most 50, the examples of 't"),
        ("train_portion=1", "batch_size_valid: got 8; allowed at most 0, the examples of 'toy_fi"),
    ],
)
def test_fault_names_flag_key_value_and_remedy(
    faults: Faults, override: str, fault: str | None
) -> None:
    (line,) = faults(override)
    assert line.startswith(f"-x/--set: {fault or 'dataset: got '}")


def test_data_set_says_what_its_constructor_refuses(faults: Faults) -> None:
    (line,) = faults("dataset=toy_any", "dataset.n_classes=1")
    assert line == "-x/--set: dataset.n_classes: got 1; allowed >= 2"
    (line,) = faults("dataset=toy_any", "input_shape=[4,5,5]")
    assert line == "-x/--set: input_shape: got [4, 5, 5]; allowed C <= 3"
    (line,) = faults("dataset=toy_any", "dataset.seed=3")
    assert line.startswith("-x/--set: dataset.seed: unknown argument; allowed n_classes, path")


def test_space_without_a_network_to_search(faults: Faults) -> None:
    (line,) = faults("network.search_space=toy_train_only")
    assert 'got "toy_train_only"; allowed a search space with a network for search' in line


def test_all_faults_at_once(faults: Faults) -> None:
    lines = faults(
        "dataset.n=1",
        "network.mode=x",
        "network.kernel=3",
        "algorithm.samples=x",
        "optimizer.valid.solver.mu=1",
        "optimizer.warmup.solver.nesterov=0",
    )
    assert [line.split(": ")[1] for line in lines] == [
        "algorithm.samples",
        "dataset.n",
        "network.mode",
        "network.kernel",
        "optimizer.valid.solver.mu",
        "optimizer.warmup.solver.nesterov",
    ]


def test_class_checks_its_arguments_also_without_a_data_set(faults: Faults) -> None:
    lines = faults("dataset.n=1", "network.kernel=[2,1]")
    assert [line.split(": ")[1] for line in lines] == ["dataset.n", "network.kernel.0"]


def test_network_that_cannot_be_built_is_one_line(completed: Completed) -> None:
    experiment, _ = completed("network.width=101")
    with pytest.raises(InputError, match=r"network: width is too large$"):
        build_network(experiment)


class TestNnabla:
    def test_step_size_of_every_solver_may_be_called_lr(self, completed: Completed) -> None:
        for solver, name in [("Adam", "alpha"), ("Lamb", "eta"), ("Momentum", "lr")]:
            experiment, _ = completed(
                f"optimizer.valid.solver={solver}", "optimizer.valid.solver.lr=0.25"
            )
            assert experiment.optimizer.valid is not None
            options = experiment.optimizer.valid.solver.options
            assert options[name] == 0.25
            assert next(iter(options)) == name

    def test_schedulers_leave_to_the_run_what_it_knows(self, completed: Completed) -> None:
        experiment, _ = completed(
            "optimizer.train.lr_scheduler=CosineScheduler",
            'optimizer.valid.lr_scheduler={"name": "ExponentialScheduler", "gamma": 0.5}',
            'optimizer.warmup.lr_scheduler={"name": "StepScheduler", "gamma": 1}',
            "optimizer.warmup.lr_scheduler.iter_steps=[3]",
        )
        schedulers = {
            name: phase.lr_scheduler and phase.lr_scheduler.options
            for name, phase in experiment.optimizer.phases().items()
        }
        assert schedulers == {
            "train": {},
            "valid": {"gamma": 0.5, "iter_interval": 1},
            "warmup": {"gamma": 1, "iter_steps": [3]},
        }

    def test_warm_up_takes_another_scheduler(self, completed: Completed) -> None:
        experiment, _ = completed(
            'optimizer.train.lr_scheduler={"name": "LinearWarmupScheduler", "warmup_iter": 5}',
            "optimizer.train.lr_scheduler.scheduler=CosineScheduler",
            "optimizer.train.lr_scheduler.scheduler.max_iter=9",
        )
        assert experiment.optimizer.train is not None
        scheduler = experiment.optimizer.train.lr_scheduler
        assert scheduler is not None
        inner = {"name": "CosineScheduler", "max_iter": 9}
        assert scheduler.options == {"scheduler": inner, "warmup_iter": 5}

    def test_faults_of_schedulers(self, faults: Faults) -> None:
        lines = faults(
            'optimizer.train.lr_scheduler={"name": "LinearWarmupScheduler", "warmup_iter": 0}',
            'optimizer.valid.lr_scheduler={"name": "StepScheduler", "iter_steps": 3, "gama": 1}',
            'optimizer.warmup.lr_scheduler={"name": "LinearWarmupScheduler", "warmup_iter": 1}',
            'optimizer.warmup.lr_scheduler.scheduler={"name": "Cosine", "max_iter": 3}',
        )
        assert [line.removeprefix("-x/--set: ").partition("; did")[0] for line in lines] == [
            "optimizer.train.lr_scheduler.scheduler: got null; allowed a scheduler: a name, or an "
            "object with 'name'",
            "optimizer.train.lr_scheduler.warmup_iter: got 0; allowed an integer >= 1",
            "optimizer.valid.lr_scheduler.iter_steps: got 3; allowed a list of integers",
            "optimizer.valid.lr_scheduler.gama: unknown argument; allowed gamma, init_lr, "
            "iter_steps",
            "optimizer.valid.lr_scheduler.gamma: is missing; allowed a number",
            "optimizer.warmup.lr_scheduler.scheduler.name: unknown learning-rate scheduler "
            "'Cosine'; allowed: CosineScheduler, ExponentialScheduler, LinearWarmupScheduler, "
            "PolynomialScheduler, StepScheduler",
        ]


class TestOwnClasses:
    """Classes of a user's own module, named `module:name`."""

    @pytest.fixture(autouse=True)
    def _module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(str(tmp_path))
        (tmp_path / "own_config_classes.py").write_text(
            "from nnabla_nas.registry import register_runner, register_search_space\n"
            "@register_runner('OwnSearcher')\n"
            "class OwnSearcher:\n"
            "    searches = True\n"
            "    def __init__(self, *, power=2): pass\n"
            "@register_search_space('own_space')\n"
            "class OwnSpace:\n"
            "    class SearchNet:\n"
            "        def __init__(self, n_classes, depth: int = 3): self.depth = depth\n"
        )
        (tmp_path / "own_broken_module.py").write_text("raise KeyError('no\\nkey')\n")

    def test_only_now_is_known_whether_it_searches(self, write: Write, search: Any) -> None:
        search["algorithm"] = "own_config_classes:OwnSearcher"
        search["network"] = {"search_space": "own_config_classes:own_space", "depth": 5}
        experiment, _ = complete(read_experiment(write(search)))
        assert (experiment.search, experiment.train_portion) == (True, 0.5)
        assert experiment.algorithm.options == {"power": 2}
        assert experiment.network.arguments == {"n_classes": 4, "depth": 5}
        assert build_network(experiment).depth == 5

    def test_what_it_needs_is_checked_now(self, write: Write, search: dict[str, Any]) -> None:
        search.update(algorithm="own_config_classes:OwnSearcher", search=False)
        del search["optimizer"]["valid"]
        with pytest.raises(InputError) as caught:
            complete(read_experiment(write(search)))
        own, phases = caught.value.faults
        assert "search: got false; allowed true" in own
        assert "an object with 'valid', which own_config_classes:OwnSearcher needs" in phases

    def test_module_that_cannot_be_imported(self, faults: Faults) -> None:
        lines = faults("network.search_space=no_such_module_here:x", "dataset=own_broken_module:x")
        assert lines == [
            "-x/--set: dataset.name: cannot import 'own_broken_module:x': KeyError: 'no\\nkey'",
            "-x/--set: network.search_space: cannot import 'no_such_module_here' for search space "
            "'x': No module named 'no_such_module_here' (is its folder on PYTHONPATH?)",
        ]

    def test_module_that_does_not_register_the_name(self, faults: Faults) -> None:
        (line,) = faults("network.search_space=own_config_classes:own_spac")
        assert "unknown search space 'own_spac'" in line
        assert "did you mean 'own_space'?" in line
