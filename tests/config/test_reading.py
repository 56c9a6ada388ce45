"""The first stage: the file's text, keys, types and names, without importing nnabla."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.config import read_experiment
from nnabla_nas.errors import InputError

Write = Callable[[Any], str]


def faults(path: str, flags: dict[str, Any] | None = None, *overrides: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_experiment(path, flags, overrides)
    assert all("\n" not in line for line in caught.value.faults)
    return [line.removeprefix(f"{path}: ") for line in caught.value.faults]


def test_fills_in_defaults(write: Write) -> None:
    experiment = read_experiment(
        write({"network": {"search_space": "toy_space"}, "epoch": 0, "batch_size_valid": 10})
    )
    assert experiment.dataset.name == "cifar10"
    assert experiment.algorithm.name == "Trainer"
    assert (experiment.batch_size_train, experiment.mini_batch_train) == (256, 256)
    assert (experiment.batch_size_valid, experiment.mini_batch_valid) == (10, 10)
    assert (experiment.search, experiment.train_portion) == (False, 1.0)
    assert (experiment.context, experiment.device_id, experiment.output_path) == (
        "auto",
        "-1",
        "log",
    )
    assert experiment.optimizer.phases() == {}


def test_searcher_defaults(write: Write, search: dict[str, Any]) -> None:
    experiment = read_experiment(write(search))
    assert (experiment.search, experiment.train_portion) == (True, 0.5)
    assert experiment.algorithm.options == {"samples": 3}
    assert experiment.network.arguments == {"settings": [[1, 2], [3, 4]]}


def test_schedule_is_cosine_for_weights_and_constant_for_the_architecture(
    write: Write, search: dict[str, Any]
) -> None:
    for phase in search["optimizer"].values():
        phase.pop("lr_scheduler", None)
    phases = read_experiment(write(search)).optimizer.phases()
    names = {name: phase.lr_scheduler and phase.lr_scheduler.name for name, phase in phases.items()}
    assert names == {"train": "CosineScheduler", "valid": None, "warmup": "CosineScheduler"}


def test_null_schedule_is_constant(write: Write, search: dict[str, Any]) -> None:
    experiment = read_experiment(write(search))
    assert experiment.optimizer.train is not None
    assert experiment.optimizer.train.lr_scheduler is None


def test_json_form_reads_back_equal(write: Write, search: dict[str, Any]) -> None:
    search.update(input_shape=[1, 6, 6], device_id=[0, 2], environment={"python": "3.10", "x": []})
    experiment = read_experiment(write(search), {"seed": 3}, ["cutout=2"])
    values = experiment.to_json()
    assert read_experiment(write({**values, "environment": 1})) == experiment
    assert values["device_id"] == "0,2"
    assert read_experiment(write({**values, "epoch": 3})) != experiment


def test_reads_without_nnabla(write: Write) -> None:
    file = write({"network": {"search_space": "mobilenet"}, "epoch": 0})
    code = (
        "import sys; from nnabla_nas.config import read_experiment; "
        f"read_experiment({file!r}); assert 'nnabla' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(root)}
    )


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("epoch=-1", "epoch: got -1; allowed an integer >= 0"),
        ("epoch=1.0", "epoch: got 1.0; allowed an integer >= 0"),
        ("epoch=true", "epoch: got true; allowed an integer >= 0"),
        ("epoch=ten", 'epoch: got "ten"; allowed an integer >= 0'),
        ("epoch=null", "epoch: got null; allowed an integer >= 0"),
        ("batch_size_train=0", "batch_size_train: got 0; allowed an integer >= 1"),
        ("aux_weight=false", "aux_weight: got false; allowed a number >= 0"),
        ("train_portion=0", "train_portion: got 0; allowed a number p with 0 < p <= 1"),
        ("input_shape=[1, 2]", "input_shape: got [1, 2]; allowed three integers >= 1: "),
        ("input_shape=[1, 2, true]", "input_shape: got [1, 2, true]; allowed three integers"),
        ("context=gpu", "context: got \"gpu\"; allowed 'auto', 'cudnn', 'cuda' or 'cpu'"),
        ("type_config=int", "type_config: got \"int\"; allowed 'float', 'half' or 'mixed_half'"),
        ("device_id=-2", "device_id: got -2; allowed GPU ids"),
        ("device_id=[0, -1]", "device_id: got [0, -1]; allowed GPU ids"),
        ("device_id=[]", "device_id: got []; allowed GPU ids"),
        ("device_id=1.5", "device_id: got 1.5; allowed GPU ids"),
        ("output_path=", 'output_path: got ""; allowed the path of a folder'),
        ("search=1", "search: got 1; allowed true or false"),
        ("network=toy_space", "network: got \"toy_space\"; allowed an object with 'search_space'"),
        ("dataset=toy_fixd", 'dataset: got "toy_fixd"; allowed '),
        ("dataset={}", "dataset: got {}; allowed a name, or an object with 'name' and options"),
        ("optimizer=[]", "optimizer: got []; allowed an object with train, valid, warmup"),
        ("optimizer.train=3", "optimizer.train: got 3; allowed an object with solver, grad_clip"),
        ("optimizer.train.grad_clip=0", "optimizer.train.grad_clip: got 0; allowed a number > 0"),
        (
            "optimizer.train.grad_clip_mode=x",
            'optimizer.train.grad_clip_mode: got "x"; allowed \'gl',
        ),
        ("optimizer.valid.solver={}", "optimizer.valid.solver: got {}; allowed a name, or"),
        ("optimizer.valid={}", "optimizer.valid.solver: is missing; allowed a solver's name"),
        ("seed=1e400", "seed: got 1e400; allowed finite numbers"),
        ("aux_weight=NaN", "aux_weight: got NaN; allowed finite numbers"),
        ("seed=9223372036854775808", "seed: got 9223372036854775808; allowed finite numbers"),
        ("seed=" + "9" * 5000, "seed: got 99999"),
        ('dataset={"a": 1, "a": 2}', "dataset.a: this key is given twice; allowed once"),
        ('dataset={"a', 'dataset: got "{\\"a"; allowed JSON (Unterminated string'),
        ("output_path=a\0b", "output_path: got a NUL or an unpaired surrogate"),
        ("output_path=\udc80", "output_path: got a NUL or an unpaired surrogate"),
        ("\udc80=1", "\\udc80: got a NUL or an unpaired surrogate"),
        ("epoch", "epoch: allowed KEY=VALUE, for example epoch=2"),
        ("=3", "=3: allowed KEY=VALUE"),
        ("a..b=3", "a..b=3: allowed KEY=VALUE"),
        ("epoch.x=3", 'epoch: got 2; allowed a value with an entry "x"'),
        ("network.settings.7=3", "network.settings: got [[1, 2], [3, 4]]; allowed a value with an"),
        (".".join("a" * 40) + "=1", "a: allowed at most 32 levels"),
        ("dataset.x=" + "[" * 40 + "]" * 40, "dataset: nested too deeply; allowed 32 levels"),
        ("dataset.x=" + "[" * 5000, "dataset.x: nested too deeply; allowed 32 levels"),
    ],
)
def test_one_fault_names_flag_key_value_and_remedy(
    write: Write, search: dict[str, Any], override: str, fault: str
) -> None:
    lines = faults(write(search), None, override)
    assert lines[0].startswith(f"-x/--set: {fault}")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"epohc": 2}, "epohc: unknown key; allowed algorithm, aux_weight, "),
        ({"regularizers": {}}, "regularizers: unknown key"),
        ({"a\nb": 2}, "a\\nb: unknown key"),
        ({"algorithm": "ToySercher"}, 'algorithm: got "ToySercher"; allowed '),
        ({"mini_batch_train": 5}, "mini_batch_train: got 5; allowed a divisor of batch_size_train"),
        ({"train_portion": 1.5}, "train_portion: got 1.5; allowed"),
        ({"search": False}, "search: got false; allowed true: ToySearcher searches"),
        (
            {"optimizer": {}},
            "optimizer: got {}; allowed an object with 'train' and 'valid' and 'warm",
        ),
    ],
)
def test_fault_of_the_file(
    write: Write, search: dict[str, Any], changes: dict[str, Any], fault: str
) -> None:
    (line,) = faults(write({**search, **changes}))
    assert line.startswith(fault)


def test_unknown_names_come_with_the_closest(write: Write, search: dict[str, Any]) -> None:
    search["epohc"] = 2
    search["optimizer"]["train"]["solver"] = {"name": "Momentom"}
    search["optimizer"]["valid"]["lr_scheduler"] = "CosinScheduler"
    search["optimizer"]["valid"]["clip"] = 3
    lines = faults(write(search))
    solver, scheduler, clip, epoch = sorted(lines, key=lambda line: "epohc" in line)
    assert solver.startswith('optimizer.train.solver.name: got "Momentom"')
    assert solver.endswith("; did you mean 'Momentum'?")
    assert scheduler.startswith('optimizer.valid.lr_scheduler: got "CosinScheduler"')
    assert scheduler.endswith("; did you mean 'CosineScheduler'?")
    assert clip.startswith("optimizer.valid.clip: unknown key; allowed grad_clip, ")
    assert epoch.endswith("; did you mean 'epoch'?")


def test_all_faults_at_once(write: Write, search: dict[str, Any]) -> None:
    search.update(epoch=-1, cutout="a", network={"search_space": "nowhere"}, mini_batch_train=3)
    lines = faults(write(search), {"seed": -1}, "context=x")
    assert {line.split(":")[0] for line in lines} == {
        "epoch",
        "cutout",
        "network.search_space",
        "mini_batch_train",
        "--seed",
        "-x/--set",
    }


def test_long_values_are_abbreviated(write: Write, search: dict[str, Any]) -> None:
    (line,) = faults(write({**search, "epoch": "e" * 500}))
    value = line.removeprefix("epoch: got ").partition(";")[0]
    assert len(value) == 60
    assert value.endswith("...")


def test_network_and_algorithm_must_be_there(write: Write) -> None:
    (line,) = faults(write({"epoch": 0}))
    assert line.startswith("network: is missing; allowed an object with 'search_space'")


def test_trainer_needs_no_entry_for_what_it_does_not_run(
    write: Write, search: dict[str, Any]
) -> None:
    del search["optimizer"]["valid"], search["optimizer"]["warmup"]
    assert not read_experiment(write(search), {"algorithm": "ToyTrainer"}).search
    (line,) = faults(write(search))
    assert "'valid' and 'warmup', which ToySearcher needs for epoch 2 and warmup 1" in line


def test_module_name_is_not_imported(write: Write, search: dict[str, Any]) -> None:
    search.update(algorithm="no_such_package.mine:Mine", optimizer={}, dataset="nowhere.x:y")
    assert read_experiment(write(search)).algorithm.name == "no_such_package.mine:Mine"


class TestPrecedence:
    def test_flags_over_overrides_over_file(self, write: Write, search: dict[str, Any]) -> None:
        file = write({**search, "seed": 1, "context": "cpu", "device_id": 1})
        experiment = read_experiment(file, {"seed": 3}, ["seed=2", "context=cuda"])
        assert (experiment.seed, experiment.context, experiment.device_id) == (3, "cuda", "1")

    def test_last_override_wins(self, write: Write, search: dict[str, Any]) -> None:
        assert read_experiment(write(search), {}, ["seed=2", "seed=4"]).seed == 4

    def test_fault_names_the_flag_that_won(self, write: Write, search: dict[str, Any]) -> None:
        (line,) = faults(write(search), {"seed": -1}, "seed=-2")
        assert line.startswith("--seed: seed: got -1")

    def test_joint_fault_names_the_flag_of_the_other_key(
        self, write: Write, search: dict[str, Any]
    ) -> None:
        (line,) = faults(write(search), {}, "batch_size_train=15")
        assert line.startswith("-x/--set: mini_batch_train: got 4; allowed a divisor of batch_")

    def test_same_algorithm_keeps_its_options(self, write: Write, search: dict[str, Any]) -> None:
        experiment = read_experiment(write(search), {"algorithm": "ToySearcher"})
        assert experiment.algorithm.options == {"samples": 3}

    def test_other_algorithm_drops_them(self, write: Write, search: dict[str, Any]) -> None:
        experiment = read_experiment(write(search), {"algorithm": "ToyTrainer"})
        assert experiment.algorithm.to_json() == {"name": "ToyTrainer"}

    def test_override_of_an_option_is_meant_for_the_flags_algorithm(
        self, write: Write, search: dict[str, Any]
    ) -> None:
        flags = {"algorithm": "ToyTrainer"}
        experiment = read_experiment(write(search), flags, ["algorithm.samples=7"])
        assert experiment.algorithm.to_json() == {"name": "ToyTrainer", "samples": 7}

    def test_override_reaches_into_names_lists_and_nothing(
        self, write: Write, search: dict[str, Any]
    ) -> None:
        search["optimizer"]["valid"]["lr_scheduler"] = None
        experiment = read_experiment(
            write(search),
            {},
            [
                "dataset.path=a=b",
                "network.settings.1.0=9",
                "optimizer.valid.solver.lr=0.25",
                "optimizer.valid.lr_scheduler.name=StepScheduler",
            ],
        )
        assert experiment.dataset.to_json() == {"name": "toy_fixed", "path": "a=b"}
        assert experiment.network.arguments["settings"] == [[1, 2], [9, 4]]
        valid = experiment.optimizer.valid
        assert valid is not None
        assert valid.solver.to_json() == {"name": "ToySolver", "lr": 0.25}
        assert valid.lr_scheduler is not None

    def test_search_flag_against_the_algorithm(self, write: Write, search: dict[str, Any]) -> None:
        (line,) = faults(write(search), {"algorithm": "ToyTrainer", "search": True})
        assert line.startswith("-s/--search: search: got true; allowed false: ToyTrainer trains")


class TestFile:
    def test_environment_is_ignored_whatever_it_holds(
        self, write: Write, search: dict[str, Any]
    ) -> None:
        text = json.dumps({**search, "environment": {"x": 1}}).replace('{"x": 1}', '{"x": NaN}')
        assert read_experiment(write(text)) == read_experiment(write(search))

    def test_missing(self, tmp_path: Path) -> None:
        path = str(tmp_path / "none.json")
        assert faults(path) == ["cannot be read: No such file or directory"]

    def test_folder(self, tmp_path: Path) -> None:
        assert faults(str(tmp_path)) == ["cannot be read: Is a directory"]

    def test_impossible_path(self) -> None:
        with pytest.raises(InputError, match="cannot be read: embedded null byte"):
            read_experiment("a\0b")

    def test_truncated(self, write: Write, search: dict[str, Any]) -> None:
        text = json.dumps(search, indent=1)
        (line,) = faults(write(text[: text.index('"batch_size_train"') + 5]))
        assert line.startswith("line 4, column 2: not valid JSON: Unterminated string")

    def test_empty(self, write: Write) -> None:
        assert faults(write("")) == ["line 1, column 1: not valid JSON: Expecting value"]

    @pytest.mark.parametrize("text", ["[]", "3", "null", '"x"'])
    def test_no_object(self, write: Write, text: str) -> None:
        assert faults(write(text)) == [f"got {text}; allowed an object with the experiment's keys"]

    def test_byte_order_mark_is_fine(self, write: Write, search: dict[str, Any]) -> None:
        assert read_experiment(write("\ufeff" + json.dumps(search))).epoch == 2

    def test_other_encoding(self, tmp_path: Path) -> None:
        file = tmp_path / "x.json"
        file.write_bytes(b'{"a": "\xff"}')
        assert faults(str(file)) == ["byte 7 is not UTF-8 text"]

    def test_too_large(self, write: Write) -> None:
        (line,) = faults(write(" " * 32_000_001))
        assert line.startswith("larger than 32,000,000 bytes")

    def test_many_levels(self, write: Write) -> None:
        assert faults(write("[" * 100_000)) == ["nested too deeply; allowed 32 levels"]

    def test_duplicate_keys_at_any_level(self, write: Write) -> None:
        text = '{"epoch": 0, "epoch": 0, "network": {"search_space": "toy_space", "a": 1, "a": 2}}'
        assert faults(write(text)) == [
            "epoch: this key is given twice; allowed once",
            "network.a: this key is given twice; allowed once",
        ]

    def test_bad_numbers_and_text_name_their_place(self, write: Write) -> None:
        text = (
            '{"epoch": 0, "network": {"search_space": "toy_space", '
            '"a": [1, Infinity], "b": 1e999, "c": "\\ud800", "\\u0000": 1}}'
        )
        assert [line.partition(";")[0] for line in faults(write(text))] == [
            "network.\\u0000: got a NUL or an unpaired surrogate",
            "network.a.1: got Infinity",
            "network.b: got 1e999",
            "network.c: got a NUL or an unpaired surrogate",
        ]
