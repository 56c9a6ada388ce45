"""The darts space: cells of mixed operations, after DARTS."""

from nnabla_nas.search_space.darts.auxiliary_head import AuxiliaryHead
from nnabla_nas.search_space.darts.cell import Cell
from nnabla_nas.search_space.darts.drop_path import DropPath
from nnabla_nas.search_space.darts.operations import (
    OPERATIONS,
    DilConv,
    FactorizedReduce,
    ReLUConvBN,
    SepConv,
)
from nnabla_nas.search_space.darts.search_net import SearchNet
from nnabla_nas.search_space.darts.train_net import TrainNet


class Darts:
    """Stack of cells; every edge of the normal and of the reduction cell chooses an operation."""

    SearchNet = SearchNet
    TrainNet = TrainNet


__all__ = [
    "OPERATIONS",
    "AuxiliaryHead",
    "Cell",
    "Darts",
    "DilConv",
    "DropPath",
    "FactorizedReduce",
    "ReLUConvBN",
    "SearchNet",
    "SepConv",
    "TrainNet",
]
