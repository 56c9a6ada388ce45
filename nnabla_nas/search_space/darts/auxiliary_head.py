"""A second classifier in the middle of a network, for training alone."""

from __future__ import annotations

import nnabla as nn

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas.errors import InputError

# 5×5 windows three pixels apart must leave 2×2 for the second convolution.
_LEAST_SIDE = 8


class AuxiliaryHead(Mo.Module):
    """Classify the output of a cell, so that gradients reach the cells before it.

    ReLU, average over 5×5 windows three pixels apart, 1×1 convolution to 128 channels, 2×2 to 768,
    each with batch normalisation and ReLU, linear classifier. Where more than one pixel is left,
    their mean is classified.
    Source: Szegedy et al., "Going Deeper with Convolutions", 2015, section 5, in the form of Zoph
    et al., "Learning Transferable Architectures for Scalable Image Recognition", 2018.

    Args:
        in_channels: channels of the cell's output.
        num_classes: outputs.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        self._feature = Mo.Sequential(
            Mo.ReLU(),
            Mo.AvgPool((5, 5), stride=(3, 3)),
            Mo.Conv(in_channels, 128, (1, 1), with_bias=False),
            Mo.BatchNormalization(128, 4),
            Mo.ReLU(),
            Mo.Conv(128, 768, (2, 2), with_bias=False),
            Mo.BatchNormalization(768, 4),
            Mo.ReLU(),
        )
        self._classifier = Mo.Linear(768, num_classes)

    def call(self, x: nn.Variable) -> nn.Variable:
        """Return the logits.

        Args:
            x: (B, in_channels, H, W).

        Returns:
            (B, num_classes).
        """
        return self._classifier(function.global_average_pooling(self._feature(x)))

    @staticmethod
    def require_size(features: nn.Variable, images: nn.Variable) -> None:
        """Check that the head can be applied.

        Args:
            features: the cell's output, (B, C, H, W).
            images: the network's input.

        Raises:
            InputError: if H or W is too small.
        """
        if min(features.shape[2:]) < _LEAST_SIDE:
            got, side = ("x".join(map(str, v.shape[2:])) for v in (features, images))
            raise InputError(
                f"network.auxiliary: images of {side} leave {got} pixels where the auxiliary head "
                f"is; it needs {_LEAST_SIDE}x{_LEAST_SIDE}: larger images, or auxiliary false"
            )
