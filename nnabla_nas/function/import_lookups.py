"""Make nnabla's imports inside hot functions find what they look for."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any


class _Alias(ModuleType):
    """A second name of a module.

    It is no package: an import of something below it fails at once and nnabla then takes the
    absolute name. A package here would be searched, and its modules loaded a second time.
    """

    def __init__(self, name: str, module: ModuleType) -> None:
        super().__init__(name)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name == "__path__":
            raise AttributeError(name)
        return getattr(self._module, name)


def shorten_import_lookups() -> None:
    """Enter three modules under the names by which nnabla's compiled code looks them up.

    nnabla 1.39.0 imports `nnabla`, `nnabla_ext` and `gc` inside functions that run for every
    variable and function, and looks inside its own package first: a search of the whole path that
    fails each time and takes ten times as long as making the function. An entry under that name
    ends the search. Names that exist are left alone.
    """
    nnabla = importlib.import_module("nnabla")
    nnabla_ext = importlib.import_module("nnabla_ext")
    for name, module in (("nnabla", nnabla), ("nnabla_ext", nnabla_ext), ("gc", gc)):
        alias = f"nnabla.{name}"
        if alias not in sys.modules and importlib.util.find_spec(alias) is None:
            sys.modules[alias] = _Alias(alias, module)
