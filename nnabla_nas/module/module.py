"""The base of everything that has parameters and computes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import nnabla as nn
import numpy as np

import nnabla_nas.function as function
from nnabla_nas.module.parameter import Parameter
from nnabla_nas.module.parameter_file import read_parameters, write_parameters

_OURS = "nnabla_nas."


class Module:
    """A node of the tree of modules: attributes that are modules or parameters are its children.

    Subclasses write `call` and need not call `super().__init__()`. Attribute names are the paths in
    parameter files.

    Attributes:
        training: whether the graph built by the next call is for training (batch statistics,
            dropout).
        private_statistics: normalise with the batch's statistics but leave no trace in the running
            ones, whatever `training` says; for passes that judge an architecture.
        gated: compute two sampled candidates of every choice, each behind a gate.
        active_only: build the active operation of every choice alone, for counting and drawing.
        listing: where choices note all their candidates' outputs while a graph is built, as
            (choice, outputs, the picked one); None when nobody asks.
        input_shapes: the shapes of the last call's inputs.
        batch_last: a class of your own may say here that its `call` applies modules and
            `nnabla_nas.function` alone to activations: on the CPU these are then kept in the layout
            that is faster. Otherwise networks that hold it are built of nnabla's own functions.
    """

    training: bool = True
    private_statistics: bool = False
    gated: bool = False
    active_only: bool = False
    listing: list[Any] | None = None
    input_shapes: tuple[tuple[int, ...], ...] = ()
    batch_last: ClassVar[bool] = False

    def __init__(self, **keywords: Any) -> None:
        """Take a name, as modules written for Sony's nnabla-nas give one.

        Args:
            keywords: `name`, or nothing. A parameter of that name would be taken for one of every
                network that has no constructor of its own.
        """
        name = keywords.pop("name", "")
        if keywords:
            raise TypeError(f"{type(self).__name__} takes no argument '{next(iter(keywords))}'")
        if name:
            self.name = name

    def _children(self) -> Iterator[tuple[str, Any]]:
        """Yield (name, value) of everything that may be a child, in the order of assignment."""
        yield from vars(self).items()

    @property
    def modules(self) -> OrderedDict[str, Module]:
        """The direct child modules by name."""
        return OrderedDict((k, v) for k, v in self._children() if isinstance(v, Module))

    @property
    def parameters(self) -> OrderedDict[str, Parameter]:
        """The module's own parameters by name, those of children not included."""
        return OrderedDict((k, v) for k, v in self._children() if isinstance(v, Parameter))

    @property
    def need_grad(self) -> bool:
        """Whether any of the module's own parameters is trained; setting it switches them all.

        Parameters made with `need_grad=False`, such as running statistics, stay as they are.
        """
        return any(parameter.need_grad for parameter in self.parameters.values())

    @need_grad.setter
    def need_grad(self, value: bool) -> None:
        for parameter in self.parameters.values():
            if parameter.trainable:
                parameter.need_grad = value

    def apply(self, **properties: Any) -> Module:
        """Set properties on this module and all its descendants.

        Args:
            properties: names and values, for example `training=False`.

        Returns:
            The module itself.
        """
        for _, module in self.get_modules():
            for name, value in properties.items():
                setattr(module, name, value)
        return self

    def get_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield (path, module) for this module and all descendants, parents first.

        Args:
            prefix: the path of this module; names are joined by `/`.

        Yields:
            Each module once, under its first path.
        """
        yield from self._walk(prefix, set())

    def _walk(self, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:
            return
        seen.add(id(self))
        yield path, self
        for name, child in self.modules.items():
            yield from child._walk(f"{path}/{name}" if path else name, seen)

    def get_parameters(self, grad_only: bool = False) -> OrderedDict[str, Parameter]:
        """Return all parameters of this module and its descendants by path.

        Args:
            grad_only: leave out those that are not trained.

        Returns:
            Each parameter once, under its first path, in an order that depends on the code alone.
        """
        found: OrderedDict[str, Parameter] = OrderedDict()
        seen: set[int] = set()
        for path, module in self.get_modules():
            for name, parameter in module.parameters.items():
                if id(parameter) in seen or (grad_only and not parameter.need_grad):
                    continue
                seen.add(id(parameter))
                found[f"{path}/{name}" if path else name] = parameter
        return found

    def set_parameters(
        self,
        params: Mapping[str, nn.Variable | np.ndarray],
        raise_if_missing: bool = False,
    ) -> None:
        """Copy values into the parameters of the same path.

        Args:
            params: path → variable or array; paths that are not this module's are passed over.
            raise_if_missing: whether a parameter without a value is an error.

        Raises:
            ValueError: if a value is missing or has another shape; nothing is copied then.
        """
        own = self.get_parameters()
        missing = [path for path in own if path not in params]
        if missing and raise_if_missing:
            raise ValueError(f"no value for parameter '{missing[0]}' ({len(missing)} missing)")
        for path, parameter in own.items():
            if path in params and tuple(params[path].shape) != parameter.shape:
                raise ValueError(
                    f"parameter '{path}' has shape {parameter.shape}, "
                    f"the value {tuple(params[path].shape)}"
                )
        for path, parameter in own.items():
            if path in params:
                value = params[path]
                array = value.d if isinstance(value, nn.Variable) else value
                parameter.d = np.asarray(array, dtype=np.float32)

    def save_parameters(
        self,
        path: str,
        params: Mapping[str, nn.Variable] | None = None,
        grad_only: bool = False,
    ) -> None:
        """Write parameters to an nnabla parameter file; equal contents are equal bytes.

        Args:
            path: the file, ending in `.h5`.
            params: path → variable; by default all of this module.
            grad_only: by default, leave out those that are not trained.
        """
        write_parameters(path, self.get_parameters(grad_only) if params is None else params)

    def load_parameters(self, path: str, raise_if_missing: bool = False) -> None:
        """Read parameters from an nnabla parameter file.

        Args:
            path: the file.
            raise_if_missing: whether a parameter that is not in the file is an error.

        Raises:
            WeightsError: if the file is missing, damaged or does not fit; nothing is copied then.
        """
        own = self.get_parameters()
        shapes = {name: parameter.shape for name, parameter in own.items()}
        self.set_parameters(read_parameters(path, shapes, raise_if_missing))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Record the inputs' shapes, then build the module's part of the graph.

        Args:
            args: the inputs, variables of the module's shapes.
            kwargs: likewise, by name.
        """
        values = (*args, *kwargs.values())
        self.input_shapes = tuple(v.shape for v in values if isinstance(v, nn.Variable))
        with function.Building(self._reads_by_functions_alone) as building:
            return building.wants(self.call(*args, **kwargs), self._kept_variables)

    def _kept_variables(self) -> Iterator[nn.Variable]:
        """Yield the variables that modules hold, in lists and dictionaries too."""
        seen: set[int] = set()
        waiting: list[Any] = [self]
        while waiting:
            value = waiting.pop()
            if isinstance(value, nn.Variable):
                yield value
            elif isinstance(value, _HOLDERS) and id(value) not in seen:
                seen.add(id(value))
                holds = vars(value) if isinstance(value, Module) else value
                waiting += holds.values() if isinstance(holds, Mapping) else holds

    def _reads_by_functions_alone(self) -> bool:
        """Return whether no module calls nnabla's own functions on activations."""
        kinds = {type(module) for _, module in self.get_modules()}
        return all(kind.batch_last or kind.call.__module__.startswith(_OURS) for kind in kinds)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Build the module's part of the graph; every module has its own."""
        raise NotImplementedError(f"{type(self).__name__} does not define call()")

    def extra_repr(self) -> str:
        """Return what `str()` shows between the parentheses, before the children."""
        return ""

    def __str__(self) -> str:
        lines = [
            f"({name}): " + str(child).replace("\n", "\n  ") for name, child in self.modules.items()
        ]
        head = f"{type(self).__name__}({self.extra_repr()}"
        return head + "".join(f"\n  {line}" for line in lines) + ("\n)" if lines else ")")


# Where modules may keep variables.
_HOLDERS = (Module, Mapping, list, tuple, set, frozenset)
