"""What a graph of static modules knows about itself."""

from __future__ import annotations

import shutil
import subprocess
from types import SimpleNamespace

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
import nnabla_nas.module.static as smo
from nnabla_nas.artifact.drawing import find_graphviz_pure


def image(batch: int = 2) -> nn.Variable:
    values = np.random.default_rng(batch).normal(size=(batch, 3, 6, 6))
    return nn.Variable.from_numpy_array(values.astype(np.float32))


def diamond(mode: str = "sample", batch: int = 2) -> SimpleNamespace:
    """Return input → conv → (relu | pool | nothing) → join → tail, as one graph and by name."""
    source = smo.Input(image(batch), name="source")
    stem = smo.Conv([source], 3, 3, (3, 3), pad=(1, 1), name="stem")
    relu = smo.ReLU([stem], name="relu")
    pool = smo.Graph([stem], name="pool")
    pool.append(smo.AvgPool([stem], (3, 3), stride=(1, 1), pad=(1, 1)))
    pool.append(smo.BatchNormalization([pool[0]], 3, 4))
    alpha = Mo.Parameter((3,), initializer=np.log([0.2, 0.5, 0.3]))
    join = smo.Join([relu, pool, stem], alpha, name="join", mode=mode)
    tail = smo.Identity([join], name="tail")
    graph = smo.Graph(modules=[source, stem, relu, pool, join, tail])
    return SimpleNamespace(**{k: v for k, v in locals().items() if k not in ("mode", "batch")})


def test_a_call_evaluates_every_node_once_and_keeps_the_result() -> None:
    calls = []

    class Counted(smo.Identity):
        def call(self, x: nn.Variable) -> nn.Variable:
            calls.append(self.name)
            return super().call(x) * 2.0

    source = smo.Input(image())
    first = Counted([source], name="first")
    left, right = Counted([first], name="left"), Counted([first], name="right")
    total = smo.Merging([left, right], "add")
    y = total()
    y.forward()
    np.testing.assert_allclose(y.d, 8 * source.value.d, rtol=1e-6)
    assert sorted(calls) == ["first", "left", "right"]
    assert total() is y
    assert total.output is y
    assert len(calls) == 3
    assert first.children == [left, right]
    assert total.parents == [left, right]


def test_reset_value_forgets_a_node_and_all_below_it_only() -> None:
    g = diamond()
    y = g.graph()
    stem, relu = g.stem.output, g.relu.output
    g.pool.reset_value()
    assert [n.output for n in (g.pool, g.pool[0], g.pool[1], g.join, g.tail, g.graph)] == [None] * 6
    assert g.stem.output is stem
    assert g.relu.output is relu
    assert g.graph() is not y
    assert g.stem.output is stem
    g.source.reset_value()
    assert {node.output for _, node in g.graph.get_modules()} == {None}


def test_a_graph_is_evaluated_anew_for_another_batch_size() -> None:
    g = diamond()
    assert g.graph.shape == (2, 3, 6, 6)
    first = g.graph()
    g.source.value = image(5)
    assert g.tail.shape == (5, 3, 6, 6), "inferred before the call"
    second = g.graph()
    assert (first.shape, second.shape) == ((2, 3, 6, 6), (5, 3, 6, 6))
    g.join.active = 0
    nn.forward_all([first, second])
    assert first.d.min() == second.d.min() == 0, "both graphs took the other branch"


def test_properties_build_another_graph() -> None:
    g = diamond()
    g.join.active = 1
    training = g.graph()
    g.graph.apply(training=False)
    evaluation = g.graph()
    assert evaluation is not training
    nn.forward_all([training, evaluation])
    assert (training.d != evaluation.d).any()


def test_parents_are_no_children_in_parameter_paths() -> None:
    g = diamond()
    assert list(g.graph.get_parameters()) == [
        "1/_W",
        "1/_b",
        "3/1/_beta",
        "3/1/_gamma",
        "3/1/_mean",
        "3/1/_var",
        "4/_join_parameters",
    ]
    assert list(g.tail.get_parameters()) == []


def test_an_input_needs_a_value() -> None:
    source = smo.Input(name="image")
    relu = smo.ReLU([source])
    for ask in (relu, lambda: relu.shape):
        with pytest.raises(RuntimeError, match="Input 'image': the value is not set"):
            ask()
    source.value = image()
    assert relu().shape == (2, 3, 6, 6)


@pytest.mark.parametrize("active", range(3))
def test_the_masked_join_computes_what_the_branch_alone_computes(active: int) -> None:
    g = diamond()
    y = g.graph()
    y.forward()
    norm = g.pool[1]
    norm._mean.d, norm._var.d = 0, 1
    g.join.active = active
    trained = g.graph.get_parameters(grad_only=True)
    for parameter in trained.values():
        parameter.grad.zero()
    y.forward()
    y.backward(1)
    masked = {path: p.g.copy() for path, p in trained.items() if not p.grad.zeroing}
    statistics = norm._mean.d.copy()

    norm._mean.d, norm._var.d = 0, 1
    g.source.value = g.source.value
    expected = g.join.parents[active]() * 1.0
    for parameter in trained.values():
        parameter.grad.zero()
    expected.forward()
    expected.backward(1)
    np.testing.assert_array_equal(y.d, expected.d)
    assert set(masked) == {path for path, p in trained.items() if not p.grad.zeroing}
    for path, gradient in masked.items():
        np.testing.assert_array_equal(gradient, trained[path].g)
    np.testing.assert_array_equal(statistics, norm._mean.d)
    assert (statistics != 0).any() == (active == 1)


def test_a_linear_join_is_the_weighted_sum() -> None:
    g = diamond("linear")
    g.graph.apply(training=False)
    y = g.graph()
    branches = [parent.output for parent in g.join.parents]
    nn.forward_all([y, *branches])
    expected = sum(p * b.d for p, b in zip((0.2, 0.5, 0.3), branches, strict=True))
    np.testing.assert_allclose(y.d, expected, rtol=1e-5, atol=1e-6)


def test_mode_max_takes_the_largest_join_parameter() -> None:
    g = diamond("max")
    y = g.graph.apply(training=False)()
    nn.forward_all([y, g.pool()])
    np.testing.assert_array_equal(y.d, g.pool.output.d)


def test_where_functions_run_as_they_are_made_only_the_active_branch_runs() -> None:
    for mode in ("sample", "max"):
        g = diamond(mode)
        g.join.active = 1
        with nn.auto_forward():
            y = g.graph()
        np.testing.assert_array_equal(y.d, g.pool.output.d)
        assert g.relu.output is None


def test_active_only_builds_nothing_but_the_active_branch() -> None:
    g = diamond()
    g.join.active = 0
    g.graph.apply(active_only=True)
    functions: list[str] = []
    g.graph().visit(lambda f: functions.append(f.info.type_name))
    assert functions == ["Convolution", "ReLU"]
    assert g.pool.output is None


def test_a_join_refuses_wrong_arguments() -> None:
    g = diamond()
    with pytest.raises(ValueError, match="2 values for 3"):
        smo.Join(g.join.parents, Mo.Parameter((2,)))
    with pytest.raises(ValueError, match="linear, sample, max; got 'full'"):
        smo.Join([g.stem], Mo.Parameter((1,)), mode="full")
    with pytest.raises(RuntimeError, match="needs a parent"):
        smo.Join([], Mo.Parameter((0,)))
    with pytest.raises(RuntimeError, match="static module"):
        smo.Join([Mo.ReLU()], Mo.Parameter((1,)))
    with pytest.raises(ValueError, match="active"):
        g.join.active = 3


def test_evaluation_probabilities() -> None:
    g = diamond()
    expected = {"tail": 1, "join": 1, "relu": 0.2, "pool": 0.5, "stem": 1, "source": 1, "graph": 1}
    for name, probability in expected.items():
        assert getattr(g, name).eval_prob == pytest.approx(probability), name
    assert g.pool[0].eval_prob == pytest.approx(0.5), "inside a branch as the branch itself"
    weighted = diamond("linear")
    assert weighted.relu.eval_prob == weighted.pool[0].eval_prob == 1
    largest = diamond("max")
    assert (largest.relu.eval_prob, largest.pool.eval_prob) == (0, 1)


def test_evaluation_probabilities_multiply_along_the_graph() -> None:
    source = smo.Input(image())
    deep = smo.ReLU([source])
    first = smo.Join([deep, source], Mo.Parameter((2,)), mode="sample")
    kept = smo.ReLU([first])
    thirds = np.log([1 / 3, 2 / 3])
    smo.Join([kept, source], Mo.Parameter((2,), initializer=thirds), mode="sample")
    assert kept.eval_prob == first.eval_prob == pytest.approx(1 / 3)
    assert deep.eval_prob == pytest.approx(1 / 6)
    assert smo.ReLU([source], eval_prob=0.25).eval_prob == 0.25


def test_a_long_graph_needs_no_deep_stack() -> None:
    node: smo.Module = smo.Input(image())
    source = node
    for _ in range(2000):
        node = smo.Join([smo.Identity([node])], Mo.Parameter((1,)), mode="sample")
    assert node().shape == (2, 3, 6, 6)
    assert source.eval_prob == 1
    source.reset_value()
    assert node.output is None


def test_a_graph_is_a_list_of_static_modules() -> None:
    g = diamond()
    graph = smo.Graph()
    with pytest.raises(RuntimeError, match="empty"):
        graph()
    assert graph.append(g.source).extend([g.stem, g.relu]) is graph
    assert (len(graph), graph[-1], list(graph)) == (3, g.relu, [g.source, g.stem, g.relu])
    assert graph().shape == (2, 3, 6, 6)
    del graph[-1]
    assert graph() is g.stem.output
    with pytest.raises(TypeError, match="takes Module objects, got ReLU"):
        graph.append(Mo.ReLU())
    with pytest.raises(RuntimeError, match="static module"):
        smo.Graph([Mo.ReLU()])


def test_the_drawing_shows_the_active_branch_or_all() -> None:
    g = diamond()
    active = str(g.graph.get_gv_graph(color_map={smo.Module: "#112233", smo.ReLU: "#445566"}))
    assert "label=ReLU" in active
    assert "subgraph" not in active
    assert "AvgPool" not in active
    assert active.count("->") == 4
    assert (active.count("#112233"), active.count("#445566")) == (4, 1)
    whole = str(g.graph.get_gv_graph(active_only=False))
    assert whole.count("->") == 8
    assert "subgraph cluster" in whole
    assert "label=pool" in whole
    g.join.active = 1
    pooled = str(g.graph.get_gv_graph())
    assert "AvgPool" in pooled
    assert "ReLU" not in pooled


def test_graphviz_draws_it() -> None:
    binary = shutil.which("dot") or find_graphviz_pure()
    assert binary is not None
    source = str(diamond().graph.get_gv_graph(active_only=False)).encode()
    done = subprocess.run([binary, "-Tpng"], input=source, capture_output=True, check=True)
    assert done.stdout.startswith(b"\x89PNG")
