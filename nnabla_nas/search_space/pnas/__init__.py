"""The pnas space: cells as in darts, each of its own; every edge keeps an operation."""

from nnabla_nas.search_space.pnas.network import SearchNet, TrainNet


class Pnas:
    """Stack of cells; every edge of every cell chooses an operation of its own."""

    SearchNet = SearchNet
    TrainNet = TrainNet


__all__ = ["Pnas", "SearchNet", "TrainNet"]
