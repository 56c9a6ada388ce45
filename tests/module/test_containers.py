from __future__ import annotations

from collections import OrderedDict

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo


def names(module: Mo.Module) -> list[str]:
    return list(module.modules)


def test_module_list_has_the_list_protocol() -> None:
    a, b, c, d = (Mo.Linear(n, n) for n in range(1, 5))
    items = Mo.ModuleList([a])
    assert items.append(b) is items
    items += [c]
    items.extend([d])
    assert names(items) == ["0", "1", "2", "3"]
    items.insert(0, d)
    assert items[0] is d
    assert list(items[1:3]) == [a, b]
    assert isinstance(items[1:3], Mo.ModuleList)
    assert items[-1] is d
    items[1] = c
    assert items[1] is c
    del items[0]
    assert len(items) == 4
    assert names(items) == ["0", "1", "2", "3"]
    assert next(iter(items.get_parameters())) == "0/_W"
    assert items[0]._W.shape == (3, 3)


def test_extending_a_list_by_itself_doubles_it() -> None:
    items = Mo.ParameterList([Mo.Parameter((1,))])
    items.extend(items)
    assert len(items) == 2


@pytest.mark.parametrize(
    ("kind", "wrong"), [(Mo.ModuleList, Mo.Parameter((1,))), (Mo.ParameterList, Mo.Identity())]
)
def test_lists_refuse_other_types(kind, wrong) -> None:
    items = kind()
    for attempt in (items.append, lambda x: items.insert(0, x), lambda x: items.extend([x])):
        with pytest.raises(TypeError, match=kind.__name__):
            attempt(wrong)
    assert len(items) == 0


def test_parameter_list_items_are_named_by_position() -> None:
    items = Mo.ParameterList([Mo.Parameter((1,)), Mo.Parameter((2,))])
    assert {path: p.shape for path, p in items.get_parameters().items()} == {"0": (1,), "1": (2,)}
    items[0] = items[1]
    assert list(items.parameters) == ["0", "1"]


def test_sequential_applies_in_order_and_takes_names() -> None:
    layers = OrderedDict(up=Mo.Linear(2, 3), act=Mo.ReLU(), down=Mo.Linear(3, 1))
    net = Mo.Sequential(layers)
    assert names(net) == ["up", "act", "down"]
    x = nn.Variable.from_numpy_array(np.array([[1.0, -2.0]]))
    y = net(x)
    y.forward()
    hidden = np.maximum(x.d @ layers["up"]._W.d + layers["up"]._b.d, 0)
    np.testing.assert_allclose(y.d, hidden @ layers["down"]._W.d + layers["down"]._b.d, rtol=1e-5)
    with pytest.raises(TypeError, match="Sequential"):
        Mo.Sequential(Mo.ReLU(), 3)  # type: ignore[arg-type]
