"""The mobilenet space: a chain of inverted residuals, after MobileNetV2 and ProxylessNAS."""

from nnabla_nas.search_space.mobilenet.blocks import ConvBNReLU, InvertedResidual
from nnabla_nas.search_space.mobilenet.network import SearchNet, TrainNet


class Mobilenet:
    """Chain of inverted residuals; each block chooses expansion, kernel or to be skipped."""

    SearchNet = SearchNet
    TrainNet = TrainNet


__all__ = ["ConvBNReLU", "InvertedResidual", "Mobilenet", "SearchNet", "TrainNet"]
