"""The random_wired space: networks whose connections are a random graph."""

from nnabla_nas.search_space.random_wired.network import TrainNet
from nnabla_nas.search_space.random_wired.operations import OPERATIONS, RANDOM_CANDIDATES


class RandomWired:
    """Random graph of convolutions and poolings; drawn from the seed, not searched."""

    SearchNet = None
    TrainNet = TrainNet


__all__ = ["OPERATIONS", "RANDOM_CANDIDATES", "RandomWired", "TrainNet"]
