from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np
import pytest
from nnabla.utils.learning_rate_scheduler import CosineScheduler

from nnabla_nas.optimizer import Optimizer

SOLVERS = [
    "AMSBound",
    "AMSGRAD",
    "AdaBelief",
    "AdaBound",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lamb",
    "Lars",
    "Lion",
    "Momentum",
    "Nesterov",
    "RMSprop",
    "RMSpropGraves",
    "Sgd",
    "SgdW",
]


def parameters(**values: list[float]) -> dict[str, nn.Variable]:
    made = {}
    for name, value in values.items():
        made[name] = nn.Variable((len(value),), need_grad=True)
        made[name].d = value
    return made


def backward(variables: dict[str, nn.Variable], **gradients: list[float]) -> None:
    """Add the given gradients, those of loss = sum of gradient x parameter."""
    terms = []
    for name, gradient in gradients.items():
        factor = nn.Variable((len(gradient),))
        factor.d = gradient
        terms.append(F.sum(factor * variables[name]))
    loss = sum(terms[1:], start=terms[0])
    loss.forward()
    loss.backward(clear_buffer=True)


def make(variables: dict[str, nn.Variable], solver: object, **options: object) -> Optimizer:
    arguments = options.pop("arguments", {})
    defaults = {"n_updates": 10, "lr_scheduler": None, "lr_scheduler_arguments": {}}
    return Optimizer(variables, solver, arguments, **(defaults | options))


def test_sgd_clips_globally_then_adds_weight_decay() -> None:
    variables = parameters(a=[1.0, 2.0], b=[3.0])
    optimizer = make(variables, S.Sgd, arguments={"lr": 0.5}, grad_clip=6.5, weight_decay=0.1)
    backward(variables, a=[3.0, 4.0], b=[12.0])
    norm = optimizer.update()
    assert norm == pytest.approx(13.0)
    a, b = np.array([1.0, 2.0]), np.array([3.0])
    np.testing.assert_allclose(
        variables["a"].d, a - 0.5 * (np.array([1.5, 2.0]) + 0.1 * a), rtol=1e-6
    )
    np.testing.assert_allclose(variables["b"].d, b - 0.5 * (np.array([6.0]) + 0.1 * b), rtol=1e-6)


def test_clipping_per_parameter_leaves_small_gradients_alone() -> None:
    variables = parameters(a=[0.0, 0.0], b=[0.0])
    optimizer = make(
        variables, S.Sgd, arguments={"lr": 1.0}, grad_clip=2.0, grad_clip_mode="per_parameter"
    )
    backward(variables, a=[3.0, 4.0], b=[1.5])
    norm = optimizer.update()
    assert norm == pytest.approx(np.sqrt(25 + 2.25))
    np.testing.assert_allclose(variables["a"].d, [-1.2, -1.6], rtol=1e-6)
    np.testing.assert_allclose(variables["b"].d, [-1.5])


def test_a_small_gradient_is_not_clipped() -> None:
    variables = parameters(a=[0.0, 0.0])
    optimizer = make(variables, S.Sgd, arguments={"lr": 1.0}, grad_clip=5.5)
    backward(variables, a=[3.0, 4.0])
    assert optimizer.update() == pytest.approx(5.0)
    np.testing.assert_array_equal(variables["a"].d, [-3.0, -4.0])


def test_without_clipping_no_norm_is_computed() -> None:
    variables = parameters(a=[1.0])
    optimizer = make(variables, S.Sgd)
    backward(variables, a=[1e6])
    assert optimizer.update() is None


def test_the_norm_does_not_overflow_and_shows_what_is_not_finite() -> None:
    variables = parameters(a=[0.0, 0.0])
    optimizer = make(variables, S.Sgd, arguments={"lr": 1.0}, grad_clip=1.0)
    backward(variables, a=[3e30, 4e30])
    assert optimizer.update() == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(variables["a"].d, [-0.6, -0.8], rtol=1e-6)
    optimizer.zero_grad()
    backward(variables, a=[float("nan"), 1.0])
    assert np.isnan(optimizer.update())


def test_momentum_matches_its_recursion() -> None:
    variables = parameters(w=[1.0, -2.0])
    optimizer = make(
        variables,
        S.Momentum,
        arguments={"lr": 0.1, "momentum": 0.9},
        grad_clip=2.5,
        weight_decay=0.2,
    )
    w, velocity = np.array([1.0, -2.0]), np.zeros(2)
    for gradient in ([3.0, 4.0], [0.5, 0.0], [-6.0, 8.0]):
        optimizer.zero_grad()
        backward(variables, w=gradient)
        optimizer.update()
        g = np.array(gradient)
        g = g * min(1.0, 2.5 / np.linalg.norm(g)) + 0.2 * w
        velocity = 0.9 * velocity + 0.1 * g
        w = w - velocity
        np.testing.assert_allclose(variables["w"].d, w, rtol=1e-5)


def test_adam_matches_its_recursion_with_decayed_gradients() -> None:
    variables = parameters(w=[1.0, -2.0])
    arguments = {"alpha": 0.01, "beta1": 0.5, "beta2": 0.999}
    optimizer = make(variables, S.Adam, arguments=arguments, weight_decay=0.1)
    w, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    for t, gradient in enumerate(([3.0, 4.0], [0.5, -1.0], [-6.0, 8.0]), start=1):
        optimizer.zero_grad()
        backward(variables, w=gradient)
        optimizer.update()
        g = np.array(gradient) + 0.1 * w
        m, v = 0.5 * m + 0.5 * g, 0.999 * v + 0.001 * g**2
        step = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.5**t)
        w = w - step * m / (np.sqrt(v) + 1e-8)
        np.testing.assert_allclose(variables["w"].d, w, rtol=1e-5)


@pytest.mark.parametrize("name", SOLVERS)
def test_weight_decay_is_part_of_the_gradient_for_every_solver(name: str) -> None:
    solver = getattr(S, name)
    decayed, plain = parameters(w=[1.0, -2.0]), parameters(w=[1.0, -2.0])
    with_decay, without = make(decayed, solver, weight_decay=0.25), make(plain, solver)
    backward(decayed, w=[3.0, 4.0])
    backward(plain, w=[3.25, 3.5])
    with_decay.update()
    without.update()
    assert np.abs(plain["w"].d - [1.0, -2.0]).max() > 0
    np.testing.assert_allclose(decayed["w"].d, plain["w"].d, rtol=1e-6)


def test_gradients_of_several_passes_add_up() -> None:
    parts, whole = parameters(w=[1.0, 2.0]), parameters(w=[1.0, 2.0])
    accumulating, single = (make(p, S.Momentum, grad_clip=3.0) for p in (parts, whole))
    for gradient in ([1.0, 2.0], [0.5, -1.0], [2.5, 3.0]):
        backward(parts, w=gradient)
    backward(whole, w=[4.0, 4.0])
    assert accumulating.update() == single.update() == pytest.approx(np.sqrt(32))
    np.testing.assert_array_equal(parts["w"].d, whole["w"].d)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("mode", ["global", "per_parameter"])
def test_an_inactive_parameter_does_not_move_and_keeps_its_state(name: str, mode: str) -> None:
    solver = getattr(S, name)
    options = {"grad_clip": 1.0, "grad_clip_mode": mode, "weight_decay": 0.1}
    variables, alone = parameters(a=[1.0, 2.0], b=[3.0, 4.0]), parameters(b=[3.0, 4.0])
    optimizer, reference = make(variables, solver, **options), make(alone, solver, **options)

    def step_b(gradient: list[float]) -> None:
        for variable, one in ((variables, optimizer), (alone, reference)):
            one.zero_grad()
            backward(variable, b=gradient)
            one.update()

    step_b([0.3, 0.4])
    before = variables["b"].d.copy()
    for _ in range(3):
        optimizer.zero_grad()
        backward(variables, a=[5.0, 6.0])
        assert optimizer.update() == pytest.approx(np.sqrt(61))
        assert variables["b"].grad.zeroing
        np.testing.assert_array_equal(variables["b"].d, before)
    step_b([-0.3, 0.1])
    np.testing.assert_array_equal(variables["b"].d, alone["b"].d)
    assert np.abs(variables["b"].d - before).max() > 0


def test_before_the_first_backward_pass_nothing_is_active() -> None:
    variables = parameters(a=[1.0])
    optimizer = make(variables, S.Sgd, grad_clip=1.0, weight_decay=0.5)
    assert optimizer.update() == 0.0
    np.testing.assert_array_equal(variables["a"].d, [1.0])


def test_no_parameters_at_all_are_fine() -> None:
    optimizer = make({}, S.Adam, grad_clip=1.0)
    assert optimizer.update() == 0.0
    assert optimizer.state_dict()["solver"] == {}


def test_the_learning_rate_follows_the_cosine_down_to_zero() -> None:
    variables = parameters(w=[0.0])
    optimizer = make(
        variables, S.Sgd, arguments={"lr": 0.2}, n_updates=8, lr_scheduler=CosineScheduler
    )
    for update in range(8):
        rate = 0.2 * (1 + np.cos(np.pi * update / 8)) / 2
        assert optimizer.learning_rate == pytest.approx(rate)
        before = variables["w"].d.copy()
        optimizer.zero_grad()
        backward(variables, w=[1.0])
        optimizer.update()
        np.testing.assert_allclose(before - variables["w"].d, rate, atol=1e-7)
    assert optimizer.learning_rate == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "rate"), [("Sgd", 0.001), ("Adam", 0.001), ("Lamb", 0.001), ("Adadelta", 1.0)]
)
def test_a_constant_learning_rate_is_the_solvers_own(name: str, rate: float) -> None:
    optimizer = make(parameters(w=[0.0]), getattr(S, name))
    assert optimizer.learning_rate == rate
    optimizer.update()
    assert optimizer.learning_rate == rate


@pytest.mark.parametrize("name", SOLVERS)
def test_a_restored_optimizer_continues_bit_for_bit(name: str) -> None:
    solver = getattr(S, name)
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(6, 2, 3)).tolist()
    options = {"lr_scheduler": CosineScheduler, "grad_clip": 1.0, "weight_decay": 0.01}

    def steps(variables: dict[str, nn.Variable], optimizer: Optimizer, which: range) -> None:
        for i in which:
            optimizer.zero_grad()
            active = (
                {"a": gradients[i][0]} if i % 3 == 1 else dict(zip("ab", gradients[i], strict=True))
            )
            backward(variables, **active)
            optimizer.update()

    variables = parameters(a=[1.0, 2.0, 3.0], b=[-1.0, 0.5, 0.1], never=[7.0])
    optimizer = make(variables, solver, **options)
    steps(variables, optimizer, range(3))
    state = optimizer.state_dict()
    restored = parameters(**{name: variable.d.tolist() for name, variable in variables.items()})
    continued = make(restored, solver, **options)
    continued.load_state_dict(state)
    steps(variables, optimizer, range(3, 6))
    steps(restored, continued, range(3, 6))
    for key in variables:
        assert variables[key].d.tobytes() == restored[key].d.tobytes()
    assert continued.learning_rate == optimizer.learning_rate


def test_a_state_is_a_copy_of_plain_values() -> None:
    variables = parameters(w=[1.0])
    optimizer = make(variables, S.Momentum, arguments={"lr": 0.1})
    backward(variables, w=[2.0])
    optimizer.update()
    state = optimizer.state_dict()
    optimizer.update()
    assert state["updates"] == 1
    assert state["solver"]["w"]["t"] == 1
    assert isinstance(state["solver"]["w"]["arrays"]["m"], np.ndarray)
    np.testing.assert_allclose(state["solver"]["w"]["arrays"]["m"], [0.2])


def test_a_state_of_other_parameters_or_another_solver_is_refused() -> None:
    state = make(parameters(w=[1.0]), S.Momentum).state_dict()
    with pytest.raises(ValueError, match="other parameters"):
        make(parameters(v=[1.0]), S.Momentum).load_state_dict(state)
    with pytest.raises(ValueError, match="another solver"):
        make(parameters(w=[1.0]), S.Adam).load_state_dict(state)
    with pytest.raises(ValueError, match="another solver"):
        make(parameters(w=[1.0, 2.0]), S.Momentum).load_state_dict(state)
