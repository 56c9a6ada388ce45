"""Modules whose training graph has random inputs."""

from __future__ import annotations

from abc import abstractmethod

from nnabla_nas.module.module import Module


class RandomInput(Module):
    """A module that is random in training.

    What is random is an input of the graph, filled from the run's streams: so it has one source,
    and a run can be resumed. Runners call `refill` before every training pass.
    """

    @abstractmethod
    def refill(self) -> None:
        """Draw the random inputs of every graph built so far anew."""
