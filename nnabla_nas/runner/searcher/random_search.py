"""Random search: architectures drawn uniformly.

Source: Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnabla_nas.runner.searcher.optuna_search import OptunaSearcher

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class RandomSearcher(OptunaSearcher):
    """Judges architectures that are drawn uniformly, within the hard bounds."""

    def sampler(self, seed: int) -> BaseSampler:
        """Return what draws uniformly.

        Args:
            seed: of this proposal.
        """
        from optuna.samplers import RandomSampler

        return RandomSampler(seed)
