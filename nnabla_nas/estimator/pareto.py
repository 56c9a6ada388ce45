"""What a learned distribution offers at other bounds: probability against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.decoder import Decoder, Indices
from nnabla_nas.search_space.model import Model

_BOUNDS = 20


@dataclass(frozen=True)
class ParetoPoint:
    """The most probable architecture within a bound.

    Args:
        bound: the least bound of the sweep that leads to it.
        log_probability: in nats.
        costs: by the keys of the constraints, each in its unit.
        indices: per choice its candidate, None where the architecture drops the choice.
    """

    bound: float
    log_probability: float
    costs: Mapping[str, float]
    indices: Indices


@dataclass(frozen=True)
class Front:
    """What a sweep of one bound leads to.

    Args:
        points: the different architectures, by rising cost; none where nothing is within the
            bounds of the others.
        found: the architecture that the search decoded.
    """

    points: Sequence[ParetoPoint]
    found: ParetoPoint


def sweep(
    swept: Constraint,
    constraints: Sequence[Constraint],
    model: Model,
    hard: Mapping[str, float],
    found: Indices | None,
) -> Front:
    """Sweep a bound from the least cost upwards, evenly up to where it does not bind any more.

    Args:
        swept: the constraint whose bound is swept.
        constraints: all constraints of the search.
        model: their network.
        hard: by the keys of the binding constraints what may be spent; `swept` does not count.
        found: the architecture that the search decoded, None if it is the most probable one.
    """
    others = [one for one in constraints if one.key in hard and one.key != swept.key]
    decoder = Decoder(model, [one.table for one in (swept, *others)])
    limits = [hard[one.key] for one in others]

    def point(bound: float, indices: Indices) -> ParetoPoint:
        costs = {one.key: one.table.total(indices) for one in constraints}
        return ParetoPoint(bound, decoder.log_probability(indices), costs, indices)

    most_probable = decoder.most_probable()
    if found is None:
        found = most_probable
    bounds = np.linspace(decoder.least_cost(0), swept.table.total(most_probable), _BOUNDS)
    points: list[ParetoPoint] = []
    for bound in np.unique([*bounds, swept.bound]):
        indices = decoder.within([float(bound), *limits])
        if indices is not None and (not points or indices != points[-1].indices):
            points.append(point(float(bound), indices))
    return Front(points, point(swept.bound, found))
