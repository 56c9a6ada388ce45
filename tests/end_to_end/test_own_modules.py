"""A user's own space, data set, searcher and estimator, named by their import path."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main
from nnabla_nas.errors import InputError
from nnabla_nas.registry import datasets, estimators, runners, search_spaces
from nnabla_nas.search_space.mobilenet import TrainNet

ROOT = Path(__file__).resolve().parents[2]

SPACE = '''
from collections import OrderedDict

import nnabla_nas.module as Mo
from nnabla_nas.registry import register_search_space
from nnabla_nas.search_space import ClassificationModel
from nnabla_nas.search_space.genotype import architecture_in_words, read_genotype

WIDTHS = {"narrow": 8, "wide": 32}


def layer(features, width):
    return Mo.Sequential(Mo.Linear(features, width), Mo.ReLU(), Mo.Linear(width, 16))


class SearchNet(ClassificationModel):
    def __init__(self, num_classes=10, features=32):
        self.choice = Mo.MixedOp([layer(features, w) for w in WIDTHS.values()], "sample")
        self.choice.names = list(WIDTHS)
        self.head = Mo.Linear(16, num_classes)

    def call(self, x):
        return self.head(self.choice(x))


class TrainNet(SearchNet):
    def __init__(self, num_classes=10, features=32, genotype: str | None = None):
        self.names = OrderedDict(choice=tuple(WIDTHS))
        self.chosen = [0] if genotype is None else read_genotype(genotype, self.names)
        self.choice = layer(features, list(WIDTHS.values())[self.chosen[0]])
        self.head = Mo.Linear(16, num_classes)

    def decode(self):
        return architecture_in_words(self.names, self.chosen)


@register_search_space("widths")
class Widths:
    """One layer of two widths."""

    SearchNet, TrainNet = SearchNet, TrainNet
'''

DATA = '''
import numpy as np

from nnabla_nas.dataset.dataset import ArrayImages, Data, Dataset, DatasetInfo
from nnabla_nas.registry import register_dataset


@register_dataset("stripes")
class Stripes(Dataset):
    """Stripes across or along."""

    def __init__(self, side: int = 4):
        self.info = DatasetInfo(shape=(2, side, side), n_classes=2, n_train=256, n_test=64)

    def part(self, n):
        generator = np.random.default_rng(n)
        images = generator.integers(100, size=(n, *self.info.shape), dtype=np.uint8)
        labels = np.arange(n) % 2
        images[labels == 0, :, ::2] += 150
        images[labels == 1, :, :, ::2] += 150
        return ArrayImages(images, labels)

    def read(self) -> Data:
        return Data.in_memory(self.part(256), self.part(64), flip=False)
'''

SEARCHER = '''
import numpy as np

from nnabla_nas.registry import register_runner
from nnabla_nas.runner.graph import mini_batches
from nnabla_nas.runner.searcher.searcher import Searcher


@register_runner("RandomSearch")
class RandomSearch(Searcher):
    """Keeps the best of random architectures."""

    def __init__(self, *args, boost: float = 1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.boost, self.least = boost, 1.0

    def warmup_update(self):
        self.draw_any()
        self.weight_step(self.warmup_optimizer)

    def search_update(self):
        drawn = self.draw_any()
        self.weight_step(self.train_optimizer)
        batch = self.next_batch(self.valid_loader)
        passes = mini_batches(batch, self.experiment.mini_batch_valid)
        with self.on_device():
            error = np.mean([self.judge_graph.evaluate(one)[1] for one in passes])
        if error <= self.least:
            self.least = error
            for choice, index in zip(self.choices, drawn):
                choice.alpha.d = self.boost * (np.arange(choice.alpha.size) == index).reshape(
                    choice.alpha.shape
                )

    def draw_any(self):
        stream = self.runtime.streams.stream("sampling")
        drawn = [int(stream.integers(len(choice.names))) for choice in self.choices]
        self.model.set_architecture(drawn)
        return drawn
'''

COST = '''
from nnabla_nas.estimator import Estimator
from nnabla_nas.registry import register_estimator


@register_estimator("Tensors")
class Tensors(Estimator):
    """Trainable tensors of the whole network."""

    unit = "tensors"

    def estimate(self, model, input_shape):
        return len(model.get_net_parameters(grad_only=True))
'''

EXPERIMENT: dict[str, Any] = {
    "dataset": {"name": "own_lab.data:stripes", "side": 4},
    "algorithm": {"name": "own_lab.searcher:RandomSearch", "boost": 2.5},
    "network": {"search_space": "own_lab.space:widths"},
    "epoch": 2,
    "warmup": 1,
    "batch_size_train": 32,
    "batch_size_valid": 32,
    "mini_batch_valid": 16,
    "context": "cpu",
    "optimizer": {
        name: {"solver": {"name": "Adam", "lr": 0.01}} for name in ("train", "valid", "warmup")
    },
}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return a folder with a user's package and an experiment that names its parts."""
    package = tmp_path / "own_lab"
    package.mkdir()
    sources = {"space": SPACE, "data": DATA, "searcher": SEARCHER, "cost": COST}
    for name, source in {"__init__": "", **sources}.items():
        (package / f"{name}.py").write_text(source)
    (package / "broken.py").write_text("1 / 0\n")
    (tmp_path / "experiment.json").write_text(json.dumps(EXPERIMENT))
    return tmp_path


def run(lab: Path, *arguments: str) -> str:
    """Run the program as a user does whose package lies in a folder of PYTHONPATH."""
    environment = {**os.environ, "PYTHONPATH": f"{lab}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=lab,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_search_and_its_retraining_with_everything_of_ones_own(lab: Path) -> None:
    run(lab, "-m", "nnabla_nas", "-f", "experiment.json", "-o", "log/search")
    config = json.loads((lab / "log/search/config.json").read_text())
    assert config["dataset"] == {"name": "own_lab.data:stripes", "side": 4}
    assert config["algorithm"] == {"name": "own_lab.searcher:RandomSearch", "boost": 2.5}
    assert config["network"]["num_classes"] == 2
    assert config["search"] is True
    assert config["train_portion"] == 0.5
    found = json.loads((lab / "log/search/arch.json").read_text())
    (choice,) = found["choices"]
    assert choice["probability"] == pytest.approx(1 / (1 + pow(2.718281828, -2.5)), rel=1e-5)
    assert (lab / "log/search/arch.png").stat().st_size > 500

    command = shlex.split(json.loads((lab / "log/search/result.json").read_text())["retrain"])
    run(lab, str(ROOT / "main.py"), *command[2:])
    trained = json.loads((lab / "log/train/arch.json").read_text())
    assert trained["choices"][0]["operation"] == choice["operation"]
    assert trained["multiply_adds"] == found["multiply_adds"]
    result = json.loads((lab / "log/train/result.json").read_text())
    assert result["status"] == "finished"
    assert result["metrics"]["test"]["examples"] == 64


@pytest.fixture
def own_names(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the user's package on the path; what it registers is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(lab))
    for registry in (search_spaces, datasets, runners, estimators):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    for name in ("own_lab", "own_lab.cost", "own_lab.data", "own_lab.broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("own_names")
def test_an_estimator_by_its_import_path() -> None:
    own = estimators.get("own_lab.cost:Tensors")()
    model = TrainNet(2, settings=[[8, 1, 1]], candidates=["MB1 3x3"], skip_connect=False)
    assert own.estimate(model, (3, 8, 8)) == len(model.get_net_parameters(grad_only=True))
    assert estimators.entry("own_lab.cost:Tensors").summary.startswith("Trainable tensors")
    with pytest.raises(InputError, match=r"unknown estimator 'Tensor'.*did you mean 'Tensors'"):
        estimators.get("own_lab.cost:Tensor")


@pytest.mark.usefixtures("own_names")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own_lab.absent:mine", "cannot import 'own_lab.absent'"),
        ("own_lab.broken:mine", "ZeroDivisionError"),
        ("own_lab.cost:mine", "unknown "),
        ("own_lab/cost.py:mine", "allowed "),
        ("/tmp/cost.py", "allowed "),
        ("__import__('os'):system", "allowed "),
    ],
)
def test_a_name_that_leads_nowhere_is_one_line(
    lab: Path, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module must be named as Python names it: a file or an expression is never run."""
    content = EXPERIMENT | {"dataset": name, "network": {"search_space": name}}
    content["algorithm"] = "ProxylessNasSearcher"
    (lab / "experiment.json").write_text(json.dumps(content))
    assert main(["-f", str(lab / "experiment.json"), "-o", str(lab / "out")]) == 2
    of_data, of_space = capsys.readouterr().err.splitlines()
    assert " dataset" in of_data
    assert " network.search_space: " in of_space
    assert said in of_data
    assert said in of_space
    assert not (lab / "out").exists()
