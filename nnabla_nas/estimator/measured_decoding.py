"""Hard bounds that hold for the decoded network as a whole, not for a sum alone."""

from __future__ import annotations

from collections.abc import Callable

from nnabla_nas.estimator.attempt import Attempt
from nnabla_nas.estimator.bounded_decoding import ROUNDING
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.hard_bounds import HardBounds
from nnabla_nas.estimator.latency import LatencyEstimator
from nnabla_nas.search_space.model import Model

ATTEMPTS = 10
# So much below the sum of an architecture the next one is decoded, relatively: another one.
_BELOW = 1e-9


def settle(bounds: HardBounds, model: Model, say: Callable[[str], object]) -> None:
    """Measure the decoded network whole; while it is over the bound, tighten that and decode again.

    Each time the bound on the sum is tightened by the excess, and below the sum of what was decoded
    last. Where none of the measured networks is within the bound, the fastest stays decoded.
    A network counts with its median plus the spread, so that it is within when measured again.

    Args:
        bounds: the hard bounds; nothing is done where none of them is on a measured latency.
        model: the super-network; it decodes by them.
        say: takes a line for the log about each network measured.
    """
    for constraint in bounds.constraints:
        if isinstance(constraint.estimator, LatencyEstimator):
            _settle_one(bounds, constraint, constraint.estimator, model, say)


def _settle_one(
    bounds: HardBounds,
    constraint: Constraint,
    estimator: LatencyEstimator,
    model: Model,
    say: Callable[[str], object],
) -> None:
    limit, attempts = constraint.bound, constraint.attempts
    attempts.clear()
    # Sums may be longer than what they stand for: the shortest is measured before it is refused.
    reachable = bounds.factor == 1 or bounds.hold(constraint, limit)
    choices = list(model.choices().values())
    while len(attempts) < ATTEMPTS:
        indices = bounds.decode()
        if indices in [one.indices for one in attempts]:
            break
        names = [
            None if index is None else choice.names[index]
            for choice, index in zip(choices, indices, strict=True)
        ]
        total = constraint.table.total(indices)
        whole = estimator.measure_whole(model.derived(), constraint.input_shape)
        attempts.append(Attempt(indices, names, limit, total, whole))
        over = whole.cautious - constraint.bound
        met = over <= constraint.bound * ROUNDING
        say(
            f"regularizer.{constraint.key}: attempt {len(attempts)}: operations add up to "
            f"{total:.4g} ms, the network measured whole takes {whole.median:.4g} ms, with the "
            f"spread {whole.cautious:.4g} ms; the bound is {constraint.bound:.4g} ms"
        )
        if met or not reachable:
            break
        limit = min(limit - over, total * (1 - _BELOW))
        bounds.hold(constraint, limit)
    kept = constraint.kept_attempt
    assert kept is not None
    bounds.settle_on(list(kept.indices))
