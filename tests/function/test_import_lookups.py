from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.import_lookups import shorten_import_lookups


class Recorder:
    """A finder that finds nothing and remembers what was looked for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        self.names.append(name)
        return None


def lookups_per_function(monkeypatch) -> float:
    recorder = Recorder()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "meta_path", [recorder, *sys.meta_path])
        x = nn.Variable((2, 2))
        for _ in range(50):
            x = F.relu(x)
        x.forward()
    return len(recorder.names) / 50


def test_making_functions_searches_the_path_no_more(monkeypatch) -> None:
    for name in ("nnabla.nnabla", "nnabla.nnabla_ext", "nnabla.gc"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert lookups_per_function(monkeypatch) >= 1, "nnabla no longer needs this"
    shorten_import_lookups()
    assert lookups_per_function(monkeypatch) < 0.1


def test_names_that_exist_are_left_alone(monkeypatch) -> None:
    mine = object()
    monkeypatch.setitem(sys.modules, "nnabla.gc", mine)
    shorten_import_lookups()
    assert sys.modules["nnabla.gc"] is mine


def test_no_module_is_loaded_twice_and_no_name_of_nnabla_changes() -> None:
    shorten_import_lookups()
    with nn.auto_forward(False):
        F.relu(nn.Variable((2,))).forward()
    assert callable(nn.auto_forward)
    assert not [name for name in sys.modules if name.startswith("nnabla.nnabla.")]
