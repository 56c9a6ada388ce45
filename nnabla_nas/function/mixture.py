"""Putting the branches of a choice together: all of them weighted, or some of them by a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.building import builder, connected, have_one_shape
from nnabla_nas.function.form import fast_on_cpu
from nnabla_nas.function.master_weights import kept_in_float


def mix(branches: Sequence[nn.Variable], alpha: nn.Variable) -> nn.Variable:
    """Return the softmax(alpha)-weighted sum of the branches.

    Source: Liu et al., "DARTS", 2019, equation 2. On the CPU the sum is one matrix product, which
    is twenty times faster than stack, multiply and sum.

    Args:
        branches: n variables of one shape (B, C, H, W).
        alpha: n values in any shape.

    Returns:
        (B, C, H, W).
    """
    n = len(branches)
    weights = F.softmax(F.reshape(kept_in_float(alpha), (n,)), axis=0)
    fast = builder(*branches) if have_one_shape(branches) else None
    mixed = None if fast is None else fast.mixture(branches, weights, alpha)
    if mixed is not None:
        return mixed
    branches = [connected(branch) for branch in branches]
    stacked = F.stack(*branches, axis=0)
    if fast_on_cpu():
        flat = F.affine(F.reshape(weights, (1, n)), F.reshape(stacked, (n, -1)))
        return F.reshape(flat, branches[0].shape)
    weights = F.reshape(weights, (n, *[1] * branches[0].ndim))
    return F.sum(F.mul2(stacked, weights), axis=0)


def gate(branch: nn.Variable, value: nn.Variable) -> nn.Variable:
    """Return the branch multiplied by a scalar.

    Args:
        branch: any shape.
        value: the scalar, (1, 1); its gradient is the inner product of the branch and the
            output's gradient.

    Returns:
        The branch's shape.
    """
    fast = builder(branch)
    if fast is not None and value.size == 1:
        return fast.gate(branch, value)
    if fast_on_cpu():
        # One matrix product in place of a scalar spread over the branch's shape and summed again.
        return _gated(connected(branch), value)
    return F.mul2(connected(branch), F.reshape(value, (1,) * branch.ndim))


def _gated(branch: nn.Variable, value: nn.Variable) -> nn.Variable:
    return F.reshape(F.affine(value, F.reshape(branch, (1, -1))), branch.shape)


def choose(branches: Sequence[nn.Variable], active: int) -> nn.Variable:
    """Return the active branch; the others stay in the graph but are run in neither direction.

    Args:
        branches: variables of one shape.
        active: the index of the branch that is computed until `set_active` names another.

    Returns:
        The output; `switch` makes of it what chooses another branch without building anew.
    """
    fast = builder(*branches) if have_one_shape(branches) else None
    chosen = None if fast is None else fast.choice(branches)
    if chosen is None:
        chosen = F.add_n(*map(connected, branches))
    switch(chosen).set_active(active)
    return chosen


class Switch(Protocol):
    """What switches between the branches of a choice."""

    def set_active(self, *active: int) -> None:
        """Compute another branch, or the sum of some, from the next forward pass on.

        Args:
            active: the index of the branch; several are summed.
        """


class _MaskedSum:
    """A switch of nnabla's own sum, which leaves inputs out by a mask.

    Args:
        chosen: the sum.
    """

    def __init__(self, chosen: nn.Variable) -> None:
        self._chosen = chosen

    def set_active(self, *active: int) -> None:
        """See the protocol."""
        function = self._chosen.parent
        function.set_active_input_mask([index in active for index in range(len(function.inputs))])


def switch(chosen: nn.Variable) -> Switch:
    """Return what switches between the branches.

    Args:
        chosen: what `choose` returned, while the network is being built.
    """
    fast = builder(chosen)
    ours = None if fast is None else fast.choice_of(chosen)
    return _MaskedSum(chosen) if ours is None else ours
