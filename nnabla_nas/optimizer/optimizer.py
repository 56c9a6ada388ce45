"""One solver and everything that happens to gradients before it uses them."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import nnabla as nn
import nnabla.functions as F
import numpy as np

import nnabla_nas.function as function
from nnabla_nas.optimizer.clipping import clip_on_device, clip_on_host, norm_of_all
from nnabla_nas.optimizer.loss_scale import LossScale
from nnabla_nas.optimizer.scheduler import Scheduler, build_scheduler


class Optimizer:
    """Update parameters: clip the gradients, add weight decay, follow the learning rate, step.

    A parameter is active when a backward pass has written its gradient since `zero_grad`. The
    gradient of an inactive one is lazily zero and is never read: reading would materialise it,
    and the solver would then move the parameter by its momentum. Inactive parameters stay where
    they are and keep their solver state.

    Args:
        parameters: every parameter this optimizer may ever update, by name.
        solver: a class of `nnabla.solvers`.
        solver_arguments: its keyword arguments.
        n_updates: how many updates will be made in all; what `max_iter` of a scheduler defaults to.
        lr_scheduler: a scheduler class as in `nnabla.utils.learning_rate_scheduler`; None keeps
            the learning rate constant.
        lr_scheduler_arguments: its keyword arguments, as `build_scheduler` takes them.
        grad_clip: largest allowed L2 norm of the gradient; None does not clip.
        grad_clip_mode: `global` measures the norm over all active gradients together,
            `per_parameter` that of each alone.
        weight_decay: this times the parameter is added to its gradient after clipping.
        loss_scale: what the losses are multiplied with, see `unscale`; None for no scaling.
        retain_state: needless: the solver's state survives, whatever is said; a warning says so.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Variable],
        solver: Any,
        solver_arguments: Mapping[str, Any],
        *,
        n_updates: int,
        lr_scheduler: Any | None,
        lr_scheduler_arguments: Mapping[str, Any],
        grad_clip: float | None = None,
        grad_clip_mode: Literal["global", "per_parameter"] = "global",
        weight_decay: float = 0.0,
        loss_scale: LossScale | None = None,
        retain_state: bool | None = None,
    ) -> None:
        if retain_state is not None:
            warnings.warn(
                "Optimizer: retain_state is needless: a solver's state survives every step",
                stacklevel=2,
            )
        self._parameters = dict(parameters)
        self._on_cpu = function.on_cpu()
        self._solver = solver(**solver_arguments)
        self._solver.set_parameters(self._parameters, reset=False, retain_state=True)
        self._initial_learning_rate = _step_size(solver, solver_arguments)
        self._scheduler: Scheduler | None = None
        if lr_scheduler is not None:
            self._scheduler = build_scheduler(
                lr_scheduler,
                lr_scheduler_arguments,
                init_lr=self._initial_learning_rate,
                max_iter=max(n_updates, 1),
            )
        self._grad_clip = grad_clip
        self._clip_globally = grad_clip_mode == "global"
        self._weight_decay = weight_decay
        self._loss_scale = loss_scale
        self._n_done = 0
        self.zero_grad()

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        if self._scheduler is None:
            return self._initial_learning_rate
        return self._scheduler.get_learning_rate(self._n_done)

    @property
    def last_learning_rate(self) -> float:
        """The learning rate of the last update; before the first, that of the first."""
        if self._scheduler is None:
            return self._initial_learning_rate
        return self._scheduler.get_learning_rate(max(self._n_done - 1, 0))

    def zero_grad(self) -> None:
        """Make every gradient lazily zero, which makes every parameter inactive."""
        self._solver.zero_grad()

    @property
    def scale(self) -> float:
        """What to multiply the loss of the next update with before its backward pass."""
        return 1.0 if self._loss_scale is None else self._loss_scale.scale

    def unscale(self) -> bool:
        """Divide the gradients by the scale of their loss, if all of them are finite.

        If one is not, they are dropped, so that the following `update` moves nothing: neither
        parameters nor solver state. The scale adapts to either.

        Returns:
            Whether there are gradients to learn from.

        Raises:
            DivergedError: if they were not finite again and again.
        """
        if self._loss_scale is None:
            return True
        scale, finite = self._loss_scale.scale, self._is_finite()
        self._loss_scale.adapt(finite)
        if finite:
            self._solver.scale_grad(1 / scale)
        else:
            self.zero_grad()
        return finite

    def update(self, only: Mapping[str, np.ndarray] | None = None) -> float | None:
        """Move the active parameters by one step.

        Args:
            only: for parameters of which but a part is to move, by name: an array of their shape
                that is true there. The rest keeps its value and its solver state.

        Returns:
            The L2 norm of all active gradients before clipping; None where nothing is clipped, and
            where to read it would be to wait for a device.
        """
        norm = self._clip()
        self._decay()
        self._solver.set_learning_rate(self.learning_rate)
        before = {name: self._arrays(name) for name in only or {}}
        self._solver.update()
        for name, moves in (only or {}).items():
            self._put_back(name, before[name], moves)
        self._n_done += 1
        return norm

    def state_dict(self) -> dict[str, Any]:
        """Return the number of updates made and the solver's state of every parameter."""
        states = self._solver.get_states()
        scaling = {} if self._loss_scale is None else {"loss_scale": self._loss_scale.state_dict()}
        return {
            **scaling,
            "updates": self._n_done,
            "solver": {
                name: {
                    "t": states[name].t,
                    "arrays": {key: array.d.copy() for key, array in states[name].pstate.items()},
                }
                for name in self._parameters
            },
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken.

        Args:
            state: what `state_dict` returned, of an optimizer with the same solver and parameters.

        Raises:
            ValueError: if it belongs to other parameters or to another solver.
        """
        if state["solver"].keys() != self._parameters.keys():
            raise ValueError("the optimizer's state belongs to other parameters")
        states = self._solver.get_states()
        for name, saved in state["solver"].items():
            current = states[name]
            shapes = {key: array.shape for key, array in current.pstate.items()}
            if shapes != {key: array.shape for key, array in saved["arrays"].items()}:
                raise ValueError(f"the optimizer's state of '{name}' belongs to another solver")
            current.t = saved["t"]
            for key, array in saved["arrays"].items():
                current.pstate[key].d = array
        self._solver.set_states(states)
        if self._loss_scale is not None:
            self._loss_scale.load_state_dict(state["loss_scale"])
        self._n_done = state["updates"]

    def _arrays(self, name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return copies of a parameter's value and solver state."""
        state = self._solver.get_states()[name].pstate
        copies = {key: array.d.copy() for key, array in state.items()}
        return self._parameters[name].d.copy(), copies

    def _put_back(
        self, name: str, before: tuple[np.ndarray, dict[str, np.ndarray]], moves: np.ndarray
    ) -> None:
        parameter, (value, arrays) = self._parameters[name], before
        parameter.d = np.where(moves, parameter.d, value)
        states = self._solver.get_states()
        for key, array in arrays.items():
            current = states[name].pstate[key]
            current.d = np.where(moves, current.d, array)
        self._solver.set_states(states)

    def _active(self) -> Iterator[nn.Variable]:
        for parameter in self._parameters.values():
            if not parameter.grad.zeroing:
                yield parameter

    def _clip(self) -> float | None:
        if self._grad_clip is None:
            return None
        gradients = [parameter.grad for parameter in self._active()]
        if self._on_cpu:
            return clip_on_host(gradients, self._grad_clip, self._clip_globally, self._solver)
        with function.in_float():
            clip_on_device(gradients, self._grad_clip, self._clip_globally)
        return None

    def _is_finite(self) -> bool:
        """Return whether all active gradients are finite; one number is read from the device."""
        # nnabla's check_inf_or_nan_grad waits for the device once per parameter.
        with function.in_float():
            norms = [F.norm(parameter.grad) for parameter in self._active()]
            return not norms or math.isfinite(float(norm_of_all(norms).data))

    def _decay(self) -> None:
        if self._weight_decay == 0.0:
            return
        if not self._solver.weight_decay_is_fused():
            self._solver.weight_decay(self._weight_decay)
            return
        # These solvers give weight_decay() a meaning of their own, decoupled from the gradient.
        for parameter in self._active():
            if self._on_cpu:
                gradient = parameter.g
                gradient += self._weight_decay * parameter.d
            else:
                with function.in_float():
                    decay = F.mul_scalar(parameter.data, self._weight_decay)
                    F.add2(parameter.grad, decay, outputs=[parameter.grad])


def _step_size(solver: Any, arguments: Mapping[str, Any]) -> float:
    """Return the step size: the solver's first argument, named alpha, eta or lr."""
    name, parameter = next(iter(inspect.signature(solver).parameters.items()))
    return float(arguments.get(name, parameter.default))
