"""What PyTorch's networks share: the choice of a candidate, and counting."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Choice(nn.Module):
    """Apply the active one of several candidates.

    Args:
        candidates: the candidates.
    """

    def __init__(self, candidates: Iterable[nn.Module]) -> None:
        super().__init__()
        self.candidates = nn.ModuleList(candidates)
        self.alpha = nn.Parameter(torch.zeros(len(self.candidates)))
        self.active = 0

    def draw(self) -> int:
        """Draw a candidate from the probabilities and make it the active one."""
        self.active = int(torch.multinomial(self.alpha.detach().softmax(0), 1))
        return self.active

    def forward(self, x: Tensor) -> Tensor:
        """Apply it.

        Args:
            x: (B, C, H, W).
        """
        return self.candidates[self.active](x)


class Zero(nn.Module):
    """Return zeros of the input's shape."""

    def forward(self, x: Tensor) -> Tensor:
        """Return zeros.

        Args:
            x: any shape.
        """
        return torch.zeros_like(x)


def convolution(
    c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1, bias: bool = False
) -> nn.Conv2d:
    """Return a convolution that keeps the resolution but for its stride.

    Args:
        c_in: channels of the input.
        c_out: channels of the output.
        kernel: side length, odd.
        stride: of both axes.
        groups: into how many the channels are divided.
        bias: whether there is one.
    """
    return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=bias)


def classifier(channels: int, n_classes: int) -> nn.Sequential:
    """Return global average pooling and a linear layer.

    Args:
        channels: of the input.
        n_classes: outputs.
    """
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, n_classes))


def choices(network: nn.Module) -> list[Choice]:
    """Return the choices of a network.

    Args:
        network: the network.
    """
    return [module for module in network.modules() if isinstance(module, Choice)]


def multiply_adds(network: nn.Module, images: Tensor) -> float:
    """Return the multiply-adds of a forward pass, the mean over the candidates of each choice.

    Args:
        network: the network.
        images: (1, C, H, W).
    """
    found: dict[nn.Module, float] = {}
    shares: dict[nn.Module, float] = {}
    decisions = choices(network)
    for choice in decisions:
        for candidate in choice.candidates:
            shares |= dict.fromkeys(candidate.modules(), 1 / len(choice.candidates))

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        weight = layer.weight
        found[layer] = output.numel() * weight[0].numel() * shares.get(layer, 1.0)

    counted = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in counted]
    # Batch statistics of one example are refused where it has but one pixel.
    network.eval()
    with torch.no_grad():
        for index in range(max((len(one.candidates) for one in decisions), default=1)):
            for choice in decisions:
                choice.active = min(index, len(choice.candidates) - 1)
            network(images)
    network.train()
    for hook in hooks:
        hook.remove()
    return sum(found.values())
