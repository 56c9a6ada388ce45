"""Drop-path, with masks from the run's random stream."""

from __future__ import annotations

from nnabla_nas.module.random_mask import RandomMask


class DropPath(RandomMask):
    """Leave out a path for some examples while training and scale it for the rest by 1 / (1 − p).

    One object serves all paths of a network: each call draws for itself.
    Source: Larsson et al., "FractalNet", 2017, section 4; as used by Zoph et al., "Learning
    Transferable Architectures for Scalable Image Recognition", 2018.

    Args:
        drop_prob: probability p of being left out, 0 ≤ p < 1.

    Raises:
        ValueError: if p is out of range.
    """

    stream = "drop path"

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return one value per example.

        Args:
            shape: the input's, (B, C, H, W).
        """
        return (shape[0], *[1] * (len(shape) - 1))
