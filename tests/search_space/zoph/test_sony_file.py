"""Files in which the parameters of a zoph network have the names of Sony's nnabla-nas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np
import pytest

from nnabla_nas import random
from nnabla_nas.cli import main
from nnabla_nas.errors import GenotypeError, WeightsError
from nnabla_nas.module.parameter_file import (
    parameter_shapes,
    read_parameters,
    write_parameters,
)
from nnabla_nas.search_space import Model
from nnabla_nas.search_space.zoph import SearchNet, TrainNet

Arrays = dict[str, np.ndarray]
SMALL: dict[str, Any] = {
    "input_shape": (1, 8, 8),
    "n_classes": 10,
    "stem_channels": 4,
    "cells": ["ZophCell", "ZophCell"],
    "cell_depth": [2, 1],
    "cell_channels": [4, 6],
    "reducing": [False, True],
}
CHOSEN = [3, 6, 4]


def their_name(name: str) -> str:
    """Return what a parameter is called there: layers of stem and projections stand alone."""
    first, *rest = name.split("/")
    number = int(first)
    if number in (1, 2):
        return "/".join([str(3 * number - 2 + int(rest[0])), rest[1]])
    if number >= 3 and len(rest) == 1:
        return f"{number + 4}/{rest[0]}"
    block = int(rest[0])
    if block < 2:
        return "/".join([str(number + 4), str(3 * block + int(rest[1])), rest[2]])
    inner = rest[1:] if rest[1] != "_join_parameters" else ["10", *rest[1:]]
    return "/".join([str(number + 4), str(block + 4), *inner])


def as_theirs(model: Model, seed: int = 0) -> tuple[Arrays, Arrays]:
    """Return random values by their names, and the same by ours.

    Beside the convolutions of stem and head stand biases; the means that follow make up for them.
    """
    rng = np.random.default_rng(seed)
    theirs: Arrays = {}
    ours: Arrays = {}
    bias: np.ndarray | None = None
    for name, parameter in model.get_parameters().items():
        value = rng.random(parameter.shape).astype(np.float32) + np.float32(0.5)
        theirs[their_name(name)] = ours[name] = value
        if name.endswith("/_mean") and bias is not None:
            theirs[their_name(name)] = value + bias.reshape(1, -1, 1, 1)
            bias = None
        without_bias = name in ("1/0/_W", "2/0/_W") or (name.count("/") == 1 and "_W" in name)
        if without_bias:
            bias = rng.random(parameter.shape[:1]).astype(np.float32)
            theirs[their_name(name).replace("_W", "_b")] = bias
    return theirs, ours


def write(path: Path, arrays: Arrays) -> str:
    write_parameters(path, {n: nn.Variable.from_numpy_array(a) for n, a in arrays.items()})
    return str(path)


def part(arrays: Arrays, alphas: bool) -> Arrays:
    return {n: a for n, a in arrays.items() if n.endswith("_join_parameters") == alphas}


def require_equal(model: Model, expected: Arrays) -> None:
    parameters = model.get_net_parameters()
    assert parameters.keys() == part(expected, False).keys()
    for name, parameter in parameters.items():
        np.testing.assert_allclose(parameter.d, expected[name], atol=1e-6, err_msg=name)


def one_hot(theirs: Arrays) -> Arrays:
    names = part(theirs, True)
    return {n: np.eye(8, dtype=np.float32)[k] for n, k in zip(names, CHOSEN, strict=True)}


def test_the_first_blocks_are_called_as_they_are_there() -> None:
    theirs, ours = as_theirs(SearchNet(**{**SMALL, "cells": ["ZophCell"] * 2}))
    assert "7/6/10/_join_parameters" in theirs
    assert len(theirs) == len(ours) + 3


def test_a_super_network_starts_from_their_weights(tmp_path: Path) -> None:
    theirs, ours = as_theirs(SearchNet(**SMALL))
    for name, alphas in (("alone", False), ("together", True)):
        kept = theirs if alphas else part(theirs, False)
        path = write(tmp_path / f"{name}.h5", kept)
        require_equal(SearchNet(**SMALL, weights=path), ours)


def test_their_architecture_is_trained(tmp_path: Path) -> None:
    theirs, _ = as_theirs(SearchNet(**SMALL))
    path = write(tmp_path / "arch.h5", one_hot(theirs))
    assert TrainNet(**SMALL, param_path=path).architecture == CHOSEN
    assert TrainNet(**SMALL, genotype=path).architecture == CHOSEN
    unlike = {n.replace("/10/_join_parameters", "/alpha"): a for n, a in one_hot(theirs).items()}
    path = write(tmp_path / "other.h5", unlike)
    assert TrainNet(**SMALL, param_path=path).architecture == CHOSEN


def test_of_their_candidates_the_chosen_ones_are_taken(tmp_path: Path) -> None:
    theirs, ours = as_theirs(SearchNet(**SMALL))
    path = write(tmp_path / "weights.h5", {**theirs, **one_hot(theirs)})
    model = TrainNet(**SMALL, param_path=path)
    assert model.architecture == CHOSEN
    expected = {}
    for name in model.get_net_parameters():
        cell, block, *rest = name.split("/")
        source = name
        if int(cell) in (3, 4) and int(block) >= 2 and rest[0] == "2":
            index = CHOSEN[2 * (int(cell) - 3) + int(block) - 2]
            source = "/".join([cell, block, str(2 + index), *rest[1:]])
        expected[name] = ours[source]
    require_equal(model, expected)


def test_their_file_of_one_architecture_is_read_too(tmp_path: Path) -> None:
    theirs, _ = as_theirs(SearchNet(**SMALL))
    arch = write(tmp_path / "arch.h5", one_hot(theirs))
    alone, ours = as_theirs(TrainNet(**SMALL, param_path=arch), seed=1)
    path = write(tmp_path / "weights.h5", alone)
    require_equal(TrainNet(**SMALL, param_path=arch, weights=path), ours)
    # The architecture lies beside.
    require_equal(TrainNet(**SMALL, param_path=path), ours)


def test_reading_their_file_leaves_no_trace_in_the_streams(tmp_path: Path) -> None:
    theirs, _ = as_theirs(SearchNet(**SMALL))
    path = write(tmp_path / "weights.h5", {**theirs, **one_hot(theirs)})
    states = []
    arch = write(tmp_path / "arch.h5", one_hot(theirs))
    for given in ({"param_path": arch}, {"param_path": path}):
        with random.use(random.Streams(3)) as streams:
            TrainNet(**SMALL, **given)
            states.append(streams.state_dict())
    assert states[0] == states[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda a: {n: a[n] for n in list(a)[:-1]}, "ends before", id="short"),
        pytest.param(lambda a: {**a, "99/_W": np.ones((1, 1))}, "no parameter", id="long"),
        pytest.param(lambda a: {**a, "1/_W": np.ones((4, 1, 5, 5))}, "expected", id="shape"),
        pytest.param(lambda a: {**a, "1/_b": np.ones(3)}, "cannot make good", id="bias"),
        pytest.param(
            lambda a: {(n if n != "2/_gamma" else "2/_beta2"): v for n, v in a.items()},
            "_gamma",
            id="leaf",
        ),
    ],
)
def test_their_file_of_another_network_is_refused(
    change: Callable[[Arrays], Arrays], said: str, tmp_path: Path
) -> None:
    theirs, _ = as_theirs(SearchNet(**SMALL))
    path = write(tmp_path / "theirs.h5", change(part(theirs, False)))
    with pytest.raises(WeightsError, match=said) as caught:
        SearchNet(**SMALL, weights=path)
    assert len(caught.value.faults) == 1


def test_their_architecture_of_another_network_is_refused(tmp_path: Path) -> None:
    theirs, _ = as_theirs(SearchNet(**SMALL))
    path = write(tmp_path / "arch.h5", one_hot(theirs))
    for change, said in (
        ({"cell_depth": [1, 2]}, "cells"),
        ({"candidates": ["Zero", "Identity"]}, "shape"),
    ):
        with pytest.raises(GenotypeError, match=said):
            TrainNet(**{**SMALL, **change}, param_path=path)
    bad = {n: np.full(8, np.nan, np.float32) for n in one_hot(theirs)}
    with pytest.raises(GenotypeError, match="not finite"):
        TrainNet(**SMALL, param_path=write(tmp_path / "nan.h5", bad))


def test_a_file_in_the_wrong_place_names_the_key_that_is_meant(tmp_path: Path) -> None:
    theirs, ours = as_theirs(SearchNet(**SMALL))
    path = write(tmp_path / "weights.h5", part(ours, False))
    with pytest.raises(GenotypeError, match=r"network\.weights"):
        TrainNet(**SMALL, param_path=path)
    for arrays in (one_hot(theirs), part(ours, True)):
        arch = write(tmp_path / "arch_alone.h5", arrays)
        with pytest.raises(WeightsError, match="param_path"):
            TrainNet(**SMALL, random_init=True, weights=arch)


def test_a_run_is_written_under_their_names(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    network = {**SMALL, "search_space": "zoph", "input_shape": [1, 8, 8]}
    theirs, _ = as_theirs(SearchNet(**SMALL))
    names = write(tmp_path / "names.h5", theirs)
    alphas = write(tmp_path / "alphas.h5", part(theirs, True))
    data = {"name": "synthetic", "n_train": 64, "n_test": 16}
    search_json |= {"dataset": data, "input_shape": [1, 8, 8], "network": network, "epoch": 1}
    search_json |= dict.fromkeys(("batch_size_train", "batch_size_valid"), 16) | {"warmup": 0}
    search_json |= dict.fromkeys(("mini_batch_train", "mini_batch_valid"), 16)
    search, train = tmp_path / "search", tmp_path / "train"
    assert run(search_json, search) == 0
    assert export(search, names) == 0
    written = str(search / "network_sony.h5")
    assert parameter_shapes(written) == parameter_shapes(names)
    there = SearchNet(**SMALL, weights=written)
    kept = {n: p.shape for n, p in there.get_net_parameters().items()}
    require_equal(there, read_parameters(search / "weights.h5", kept))
    assert export(search, alphas) == 0
    found = [entry["index"] for entry in words(search)]
    assert TrainNet(**SMALL, param_path=written).architecture == found
    # A training has the chosen operations alone; the others there keep what they had.
    search_json |= {"algorithm": "Trainer", "network": {**network, "param_path": written}}
    assert run(search_json, train) == 0
    assert [entry["index"] for entry in words(train)] == found
    assert export(train, names) == 0
    again = TrainNet(**SMALL, param_path=str(train / "network_sony.h5"))
    assert again.architecture == found
    kept = {n: p.shape for n, p in again.get_net_parameters().items()}
    require_equal(again, read_parameters(train / "weights.h5", kept))
    # What a training has left continues by the one key that names it.
    network = {**network, "param_path": str(train / "weights.h5")}
    assert run({**search_json, "epoch": 0, "network": network}, tmp_path / "continue") == 0
    before, after = (tmp_path / name / "weights.h5" for name in ("train", "continue"))
    assert before.read_bytes() == after.read_bytes()
    capsys.readouterr()
    for arguments, said in (
        (["--format", "sony"], "--names"),
        (["--format", "nnp", "--names", names], "--names"),
        (["--format", "sony", "--names", "nowhere.h5"], "no such file"),
    ):
        assert main(["export", str(train), *arguments]) == 2
        assert said in capsys.readouterr().err


def run(config: dict[str, Any], output: Path) -> int:
    path = output.with_name(f"{output.name}.json")
    path.write_text(json.dumps(config))
    return main(["-f", str(path), "-o", str(output), "--no-visualize"])


def export(folder: Path, names: str) -> int:
    return main(["export", str(folder), "--format", "sony", "--names", names])


def words(folder: Path) -> list[dict[str, Any]]:
    content: dict[str, Any] = json.loads((folder / "arch.json").read_text())
    return list(content["choices"])


def test_other_spaces_need_no_other_names(
    tmp_path: Path, trained_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs, _ = as_theirs(SearchNet(**SMALL))
    names = write(tmp_path / "names.h5", theirs)
    assert export(trained_folder, names) == 2
    assert "reads its arch.h5 and weights.h5 as they are" in capsys.readouterr().err
