"""Lists of modules and parameters, and modules in sequence."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, MutableSequence
from typing import Any, TypeVar

from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Parameter

T = TypeVar("T")


class _ChildList(Module, MutableSequence[T]):
    """A list whose items are children named by their position: '0', '1', …"""

    _kind: type

    def __init__(self, items: Iterable[T] | None = None) -> None:
        self._items: list[T] = []
        self.extend(items or [])

    def _checked(self, item: Any) -> Any:
        if not isinstance(item, self._kind):
            raise TypeError(
                f"{type(self).__name__} takes {self._kind.__name__} objects, "
                f"got {type(item).__name__}"
            )
        return item

    def _children(self) -> Iterator[tuple[str, Any]]:
        yield from ((str(position), item) for position, item in enumerate(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self._items[index])
        return self._items[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            self._items[index] = [self._checked(item) for item in value]
        else:
            self._items[index] = self._checked(value)

    def __delitem__(self, index: Any) -> None:
        del self._items[index]

    def insert(self, index: int, value: T) -> None:
        """Insert an item before a position; the names of those behind move up.

        Args:
            index: the position.
            value: the item.
        """
        self._items.insert(index, self._checked(value))

    def append(self, value: T) -> _ChildList[T]:  # type: ignore[override]
        """Add an item at the end.

        Args:
            value: the item.

        Returns:
            The list itself.
        """
        self.insert(len(self), value)
        return self

    def extend(self, values: Iterable[T]) -> _ChildList[T]:  # type: ignore[override]
        """Add items at the end.

        Args:
            values: the items.

        Returns:
            The list itself.
        """
        for value in list(values):
            self.append(value)
        return self


class ModuleList(_ChildList[Module]):
    """A list of modules, which are its children.

    Args:
        modules: the modules.
    """

    _kind: type = Module

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__(modules)


class ParameterList(_ChildList[Parameter]):
    """A list of parameters, which are its children.

    Args:
        parameters: the parameters.
    """

    _kind = Parameter

    def __init__(self, parameters: Iterable[Parameter] | None = None) -> None:
        super().__init__(parameters)


class Sequential(Module):
    """Modules applied one after the other.

    Args:
        modules: the modules, named '0', '1', …; or one OrderedDict name → module.
    """

    def __init__(self, *modules: Module | OrderedDict[str, Module]) -> None:
        named: Iterable[tuple[str, Any]]
        if len(modules) == 1 and isinstance(modules[0], OrderedDict):
            named = modules[0].items()
        else:
            named = ((str(position), module) for position, module in enumerate(modules))
        self._layers: OrderedDict[str, Module] = OrderedDict()
        for name, module in named:
            self._layers[name] = self._checked(module)

    @staticmethod
    def _checked(module: Any) -> Module:
        if not isinstance(module, Module):
            raise TypeError(f"Sequential takes Module objects, got {type(module).__name__}")
        return module

    def _children(self) -> Iterator[tuple[str, Any]]:
        yield from self._layers.items()
        yield from ((name, value) for name, value in vars(self).items() if name != "_layers")

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers.values())

    def __getitem__(self, index: int) -> Module:
        return list(self._layers.values())[index]

    def __delitem__(self, index: int) -> None:
        """Take a module out; where modules are named by position, those behind move down."""
        names = list(self._layers)
        numbered = names == list(map(str, range(len(names))))
        del self._layers[names[index]]
        if numbered:
            self._layers = OrderedDict((str(n), m) for n, m in enumerate(self._layers.values()))

    def append(self, module: Module) -> Sequential:
        """Add a module behind the others, named by its position.

        Args:
            module: the module.

        Returns:
            The sequence itself.
        """
        self._layers[str(len(self._layers))] = self._checked(module)
        return self

    def call(self, x: Any) -> Any:
        """Apply the modules in order.

        Args:
            x: the first module's input.
        """
        for module in self._layers.values():
            x = module(x)
        return x
