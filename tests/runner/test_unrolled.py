"""The second-order gradient against closed forms and brute force."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_nas.runner.searcher.unrolled import set_unrolled_gradient


def variable(values: np.ndarray, need_grad: bool = False) -> nn.Variable:
    made = nn.Variable.from_numpy_array(np.asarray(values, dtype=np.float32))
    made.need_grad = need_grad
    return made


def accumulating(loss: nn.Variable):
    def accumulate() -> float:
        loss.forward(clear_no_need_grad=True)
        loss.backward(1, clear_buffer=True)
        return float(loss.d)

    loss.persistent = True
    return accumulate


class Quadratic:
    """L_train = ½ w'Aw − w'Bα and L_val = ½ ‖w − c‖² + ½ d ‖α‖², all in columns."""

    def __init__(self, curvature: np.ndarray, d: float) -> None:
        rng = np.random.default_rng(0)
        self.A, self.d = curvature, d
        self.B, self.c = rng.normal(size=(3, 2)), rng.normal(size=(3, 1))
        self.w = variable(rng.normal(size=(3, 1)), True)
        self.alpha = variable(rng.normal(size=(2, 1)), True)
        A_w = F.affine(variable(self.A), self.w)
        B_alpha = F.affine(variable(self.B), self.alpha)
        self.train = accumulating(F.sum(self.w * A_w) * 0.5 - F.sum(self.w * B_alpha))
        self.valid = accumulating(
            F.sum((self.w - variable(self.c)) ** 2) * 0.5 + F.sum(self.alpha**2) * (d / 2)
        )

    def gradient(self, step_size: float) -> np.ndarray:
        set_unrolled_gradient([self.alpha], [self.w], self.train, self.valid, step_size)
        return self.alpha.g.copy()


@pytest.mark.parametrize("step_size", [0.0, 0.1, 0.7])
def test_the_gradient_of_a_quadratic_problem(step_size: float) -> None:
    problem = Quadratic(np.array([[2, 0.5, 0], [0.5, 1, 0.2], [0, 0.2, 3]]), 0.3)
    w, alpha = problem.w.d.astype(float), problem.alpha.d.astype(float)
    unrolled = w - step_size * (problem.A @ w - problem.B @ alpha)
    expected = problem.d * alpha + step_size * problem.B.T @ (unrolled - problem.c)
    np.testing.assert_allclose(problem.gradient(step_size), expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(problem.w.d, w.astype(np.float32))


def test_descending_it_solves_the_bilevel_problem() -> None:
    # With A = 2 I and ξ = ½ the unrolled step ends at the optimum w*(α) = Bα / 2, and the problem
    # is a ridge regression. First order, which sees α in L_val alone, would end at α = 0.
    problem = Quadratic(2 * np.eye(3), 0.1)
    half = problem.B / 2
    solution = np.linalg.solve(half.T @ half + 0.1 * np.eye(2), half.T @ problem.c)
    for _ in range(100):
        problem.alpha.d = problem.alpha.d - 0.5 * problem.gradient(0.5)
    np.testing.assert_allclose(problem.alpha.d, solution, rtol=1e-3, atol=1e-3)
    assert np.abs(solution).max() > 0.1


class SmallNetwork:
    """x ↦ (p0 tanh(x W0) + p1 x W1) V with p = softmax(α) and the mean squared error."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.alpha = rng.normal(size=2)
        self.weights = [rng.normal(size=s) for s in ((3, 4), (3, 4), (4, 2))]
        self.batches = [(rng.normal(size=(8, 3)), rng.normal(size=(8, 2))) for _ in range(2)]

    def loss_and_descent(self, alpha, weights, batch) -> tuple[float, list[np.ndarray]]:
        (x, y), (first, second, last) = batch, weights
        p = np.exp(alpha) / np.exp(alpha).sum()
        bent = np.tanh(x @ first)
        hidden = p[0] * bent + p[1] * x @ second
        residual = hidden @ last - y
        out = 2 * residual / residual.size
        back = out @ last.T
        descent = [x.T @ (p[0] * back * (1 - bent**2)), x.T @ (p[1] * back), hidden.T @ out]
        return float(np.mean(residual**2)), descent

    def unrolled_loss(self, alpha: np.ndarray, step_size: float) -> float:
        _, descent = self.loss_and_descent(alpha, self.weights, self.batches[0])
        unrolled = [w - step_size * g for w, g in zip(self.weights, descent, strict=True)]
        return self.loss_and_descent(alpha, unrolled, self.batches[1])[0]


@pytest.mark.parametrize("step_size", [0.05, 0.4])
def test_the_gradient_of_a_network_is_that_of_brute_force(step_size: float) -> None:
    network = SmallNetwork()
    alpha = variable(network.alpha, True)
    first, second, last = weights = [variable(w, True) for w in network.weights]
    losses = []
    for inputs, targets in network.batches:
        x, p = variable(inputs), F.softmax(alpha, axis=0)
        terms = F.stack(F.tanh(F.affine(x, first)), F.affine(x, second), axis=0)
        hidden = F.sum(terms * F.reshape(p, (2, 1, 1)), axis=0)
        loss = F.mean((F.affine(hidden, last) - variable(targets)) ** 2)
        losses.append(accumulating(loss))
    reported = set_unrolled_gradient([alpha], weights, *losses, step_size)
    steps = np.eye(2) * 1e-5
    brute_force = [
        (
            network.unrolled_loss(network.alpha + step, step_size)
            - network.unrolled_loss(network.alpha - step, step_size)
        )
        / 2e-5
        for step in steps
    ]
    np.testing.assert_allclose(alpha.g, brute_force, rtol=5e-3)
    at_start, _ = network.loss_and_descent(network.alpha, network.weights, network.batches[0])
    np.testing.assert_allclose(
        reported, (at_start, network.unrolled_loss(network.alpha, step_size)), rtol=1e-5
    )
    first_order = alpha.g.copy()
    set_unrolled_gradient([alpha], weights, *losses, 0.0)
    assert np.abs(alpha.g - first_order).max() > 0.05 * np.abs(first_order).max()


def test_a_parameter_that_the_loss_does_not_depend_on_stays_inactive() -> None:
    problem = Quadratic(np.eye(3), 0.1)
    idle = [variable(np.ones(2), True) for _ in range(2)]
    alphas, weights = [problem.alpha, idle[0]], [problem.w, idle[1]]
    set_unrolled_gradient(alphas, weights, problem.train, problem.valid, 0.5)
    assert [alpha.grad.zeroing for alpha in alphas] == [False, True]
    np.testing.assert_array_equal(idle[1].d, 1)


def test_weights_come_back_whatever_happens() -> None:
    problem = Quadratic(np.eye(3), 0.1)
    before = problem.w.d.copy()

    def failing() -> float:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        set_unrolled_gradient([problem.alpha], [problem.w], problem.train, failing, 0.5)
    np.testing.assert_array_equal(problem.w.d, before)
    assert problem.w.need_grad
    assert problem.alpha.need_grad


def test_a_shorter_perturbation_meets_less_curvature() -> None:
    w, alpha = variable(np.full((1, 1), 0.5), True), variable(np.ones((1, 1)), True)
    train = accumulating(F.sum(alpha * w**4))
    valid = accumulating(F.sum(w * 2.0) + F.sum(alpha))
    gradients = []
    for perturbation in (0.4, 0.02):
        set_unrolled_gradient([alpha], [w], train, valid, 0.1, perturbation)
        gradients.append(float(alpha.g[0, 0]))
    # ∂²/∂α∂w of αw⁴ is 4w³, v is 2: 1 − ξ · 4w³ · v. Moved by δ, the difference is 4w³ + 4wδ²:
    # off by a share of δ²/w².
    exact = -0.1 * 4 * 0.5**3 * 2
    np.testing.assert_allclose(gradients[0], 1 + exact * (1 + 0.4**2 / 0.5**2), rtol=1e-3)
    np.testing.assert_allclose(gradients[1], 1 + exact, rtol=1e-3)
