"""Tree-structured Parzen estimators: draw what is more frequent among the good than the others.

Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011, section 4; Watanabe,
"Tree-Structured Parzen Estimator: Understanding Its Algorithm Components", 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from nnabla_nas.runner.searcher.optuna_search import OptunaSearcher

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class TpeSearcher(OptunaSearcher):
    """Proposes by the densities of good and of other architectures.

    Args:
        startup: architectures drawn uniformly before the densities are trusted.
    """

    def __init__(
        self, *args: Any, startup: Annotated[int, Field(ge=1)] = 10, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.startup = startup

    def sampler(self, seed: int) -> BaseSampler:
        """Return what maximises the ratio of both densities over some draws.

        Args:
            seed: of this proposal.
        """
        from optuna.samplers import TPESampler

        return TPESampler(n_startup_trials=self.startup, seed=seed)
