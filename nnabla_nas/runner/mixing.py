"""Batches whose images are mixed with each other, and their targets likewise."""

from __future__ import annotations

import math

import numpy as np

from nnabla_nas.dataset.dataset import Batch


class Mixing:
    """Mixes each batch with itself in another order.

    Args:
        mixup: a of Beta(a, a), from which the share of an image in its mixture is drawn; None
            does not mix so. Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.
        cutmix: likewise of the area that an image keeps, a rectangle of another one being pasted
            over the rest. Yun et al., "CutMix", 2019, section 3.1 and algorithm A1. Given both, a
            batch is mixed by one of them, either with probability one half.
    """

    def __init__(self, mixup: float | None, cutmix: float | None) -> None:
        self._mixup, self._cutmix = mixup, cutmix

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Return the batch, mixed.

        Args:
            batch: images and classes.
            rng: drawn from for the kind, the share, the order and the rectangle.
        """
        pasted = rng.random() < 0.5 if self._mixup and self._cutmix else self._mixup is None
        strength = self._cutmix if pasted else self._mixup
        assert strength is not None
        share = float(rng.beta(strength, strength))
        order = rng.permutation(len(batch.targets))
        row, column = rng.random(2)
        inputs, others = batch.inputs, batch.inputs[order]
        if pasted:
            height, width = inputs.shape[2:]
            top, bottom = _edges(height, share, row)
            left, right = _edges(width, share, column)
            mixed = inputs.copy()
            mixed[:, :, top:bottom, left:right] = others[:, :, top:bottom, left:right]
            share = 1 - (bottom - top) * (right - left) / (height * width)
        else:
            mixed = np.float32(share) * inputs + np.float32(1 - share) * others
        return Batch(mixed, batch.targets, batch.targets[order], share)


def _edges(side: int, share: float, place: float) -> tuple[int, int]:
    """Return where a rectangle begins and ends, its middle anywhere, cut off at the border."""
    length, middle = int(side * math.sqrt(1 - share)), int(side * place)
    return max(0, middle - length // 2), min(side, middle + length // 2)
