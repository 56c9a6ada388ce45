"""The zoph space: cells of blocks, each of which chooses its operation, after NASNet."""

from nnabla_nas.search_space.zoph.cells import ConvBNReLU, ZophBlock, ZophCell
from nnabla_nas.search_space.zoph.network import SearchNet
from nnabla_nas.search_space.zoph.operations import (
    ZOPH_CANDIDATES,
    AveragePool3x3,
    DilSepConv3x3,
    DilSepConv5x5,
    Identity,
    MaxPool3x3,
    SepConv,
    SepConv3x3,
    SepConv5x5,
    SepConvBN,
    Zero,
)
from nnabla_nas.search_space.zoph.train_net import TrainNet


class Zoph:
    """Cells of blocks that see all blocks before them; each block chooses its operation."""

    SearchNet = SearchNet
    TrainNet = TrainNet


__all__ = [
    "ZOPH_CANDIDATES",
    "AveragePool3x3",
    "ConvBNReLU",
    "DilSepConv3x3",
    "DilSepConv5x5",
    "Identity",
    "MaxPool3x3",
    "SearchNet",
    "SepConv",
    "SepConv3x3",
    "SepConv5x5",
    "SepConvBN",
    "TrainNet",
    "Zero",
    "Zoph",
    "ZophBlock",
    "ZophCell",
]
