from __future__ import annotations

import h5py
import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.errors import WeightsError


class Block(Mo.Module):
    def __init__(self) -> None:
        self.first = Mo.Linear(3, 4)
        self.scale = Mo.Parameter((1, 4), initializer=np.ones((1, 4)))
        self.second = Mo.Linear(4, 2, bias=False)

    def call(self, x: nn.Variable) -> nn.Variable:
        return self.second(self.first(x) * self.scale)


class Net(Mo.Module):
    def __init__(self) -> None:
        self.a = Block()
        self.b = self.a
        self.c = Mo.Sequential(Mo.Linear(2, 2), Mo.ReLU())


def test_assignment_registers_children_in_order() -> None:
    block = Block()
    assert list(block.modules) == ["first", "second"]
    assert list(block.parameters) == ["scale"]
    assert list(block.get_parameters()) == ["scale", "first/_W", "first/_b", "second/_W"]


def test_a_module_reached_twice_is_listed_once_under_its_first_path() -> None:
    paths = [path for path, _ in Net().get_modules()]
    assert paths == ["", "a", "a/first", "a/second", "c", "c/0", "c/1"]
    assert [path for path, _ in Net().get_modules("net")][:2] == ["net", "net/a"]


def test_a_replaced_or_deleted_child_leaves_the_tree() -> None:
    block = Block()
    block.first = Mo.Identity()
    del block.second
    assert [path for path, _ in block.get_modules()] == ["", "first"]
    assert list(block.get_parameters()) == ["scale"]


def test_apply_reaches_every_descendant_and_returns_the_module() -> None:
    net = Net()
    assert net.apply(training=False) is net
    assert not any(module.training for _, module in net.get_modules())


def test_need_grad_switches_trained_parameters_only() -> None:
    norm = Mo.BatchNormalization(3, 4)
    norm.need_grad = False
    assert not any(p.need_grad for p in norm.parameters.values())
    norm.need_grad = True
    assert [n for n, p in norm.parameters.items() if p.need_grad] == ["_beta", "_gamma"]
    assert list(norm.get_parameters(grad_only=True)) == ["_beta", "_gamma"]


def test_missing_attribute_names_class_and_attribute() -> None:
    with pytest.raises(AttributeError, match=r"'Block' object has no attribute 'frist'"):
        _ = Block().frist  # type: ignore[attr-defined]


def test_call_records_the_shapes_of_its_inputs() -> None:
    block = Block()
    block(nn.Variable((5, 3)))
    assert block.input_shapes == ((5, 3),)
    assert block.second.input_shapes == ((5, 4),)


def test_set_parameters_copies_all_or_nothing() -> None:
    source, target = Block(), Block()
    target.set_parameters(source.get_parameters(), raise_if_missing=True)
    for path, value in source.get_parameters().items():
        np.testing.assert_array_equal(target.get_parameters()[path].d, value.d)
    before = target.first._W.d.copy()
    wrong = {"first/_W": before + 1, "second/_W": np.zeros((1, 1))}
    with pytest.raises(ValueError, match="second/_W"):
        target.set_parameters(wrong)
    np.testing.assert_array_equal(target.first._W.d, before)
    with pytest.raises(ValueError, match="scale"):
        target.set_parameters({"first/_W": before}, raise_if_missing=True)


def test_parameter_files_round_trip_and_equal_contents_are_equal_bytes(tmp_path) -> None:
    source, target = Block(), Block()
    source.save_parameters(str(tmp_path / "a.h5"))
    target.load_parameters(str(tmp_path / "a.h5"), raise_if_missing=True)
    target.save_parameters(str(tmp_path / "b.h5"))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    loaded = {}
    with nn.parameter_scope("", loaded):
        nn.load_parameters(str(tmp_path / "a.h5"))
        assert list(nn.get_parameters(grad_only=False)) == list(source.get_parameters())


@pytest.mark.parametrize("damage", ["missing", "text", "truncated", "shape", "link", "type"])
def test_a_damaged_file_is_one_line_and_changes_nothing(tmp_path, damage: str) -> None:
    path = tmp_path / "weights.h5"
    block = Block()
    block.save_parameters(str(path))
    if damage == "missing":
        path.unlink()
    elif damage == "text":
        path.write_text("hello")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    else:
        with h5py.File(path, "a") as file:
            del file["scale"]
            if damage == "shape":
                file["scale"] = np.zeros((1, 5), np.float32)
            elif damage == "link":
                file["scale"] = h5py.ExternalLink("/etc/passwd", "/x")
            else:
                file["scale"] = np.array([b"text"])
    before = block.first._W.d.copy()
    with pytest.raises(WeightsError, match=r"weights\.h5") as caught:
        block.load_parameters(str(path), raise_if_missing=True)
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(block.first._W.d, before)


def test_files_with_flipped_bytes_are_refused_in_one_line_or_read(tmp_path) -> None:
    path = tmp_path / "weights.h5"
    block = Block()
    block.save_parameters(str(path))
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refusals = []
    for _ in range(300):
        damaged = bytearray(content)
        for position in rng.integers(len(content), size=20):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            block.load_parameters(str(path), raise_if_missing=True)
        except WeightsError as error:
            refusals.append(error.faults)
    assert len(refusals) > 30
    assert all(len(faults) == 1 and "\n" not in faults[0] for faults in refusals)


def test_str_shows_the_tree() -> None:
    text = str(Net())
    assert text.startswith("Net(\n  (a): Block(\n    (first): Linear(3, 4)")
    assert "(c): Sequential(\n    (0): Linear(2, 2)\n    (1): ReLU()" in text


class TestParameter:
    def test_starts_from_zeros_an_array_or_a_callable(self) -> None:
        assert not Mo.Parameter((2, 3)).d.any()
        value = np.arange(6.0).reshape(2, 3)
        np.testing.assert_array_equal(Mo.Parameter((2, 3), initializer=value).d, value)
        assert (Mo.Parameter((2, 3), initializer=np.ones).d == 1).all()

    @pytest.mark.parametrize("initializer", [np.zeros((3, 2)), 1.5, lambda shape: np.zeros(7)])
    def test_refuses_others(self, initializer) -> None:
        with pytest.raises(ValueError, match="initializer"):
            Mo.Parameter((2, 3), initializer=initializer)
