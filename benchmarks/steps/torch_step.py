"""The process that does PyTorch's updates.

Networks and algorithms are written from the papers, in plain PyTorch: gradients that a step does
not use are not asked for, optimizers are the fused ones, images are there before the clock starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from steps.protocol import answers, request, serve
from steps.torch_cells import CellNetwork
from steps.torch_layers import choices, multiply_adds
from steps.torch_mobilenet import mobilenet
from steps.torch_wired import RandomlyWired
from steps.torch_zoph import ZophNetwork

_LARGEST_NORM = 5.0
_BASELINE_DECAY = 0.9


def build(network: dict[str, Any]) -> nn.Module:
    """Return the network that this project's process describes.

    Args:
        network: space, arguments and words.
    """
    space, arguments, words = (network[key] for key in ("space", "arguments", "words"))
    if space == "darts":
        return CellNetwork(arguments, words)
    if space == "zoph":
        return ZophNetwork(arguments)
    if space == "random_wired":
        return RandomlyWired(arguments, words["vertices"])
    chosen = None if words is None else [choice["operation"] for choice in words["choices"]]
    return mobilenet(arguments, chosen)


class Steps:
    """One network and its updates.

    Args:
        asked: workload, network and format of memory.
    """

    def __init__(self, asked: dict[str, Any]) -> None:
        network, workload = asked["network"], asked["workload"]
        memory = getattr(torch, f"{asked['format']}_format".replace("last_format", "last"))
        self.network = build(network).to(memory_format=memory)
        self.options = network["options"]
        self.loss_weights = network["loss_weights"]
        self.smoothing = network["arguments"]["label_smoothing"]
        shape, n_classes = network["shape"], workload["n_classes"]

        def batch(size: int) -> tuple[Tensor, Tensor]:
            images = torch.randn(size, *shape).to(memory_format=memory)
            return images, torch.randint(n_classes, (size,))

        self.one = batch(1)
        self.train, self.valid = batch(workload["batch_train"]), batch(workload["batch_valid"])
        self.choices = choices(self.network)
        drawn = [choice.alpha for choice in self.choices]
        self.alphas = drawn or list(getattr(self.network, "alphas", nn.ParameterDict()).values())
        known = {id(alpha) for alpha in self.alphas}
        self.weights = [p for p in self.network.parameters() if id(p) not in known]
        self.lr = 0.025
        # The fused solver does not accept weights that join in later, as those of paths do.
        self.sgd = torch.optim.SGD(
            self.weights, self.lr, momentum=0.9, weight_decay=3e-4, fused=not self.choices
        )
        if self.alphas:
            self.adam = torch.optim.Adam(
                self.alphas, 3e-4, betas=(0.5, 0.999), weight_decay=1e-3, fused=True
            )
        self.baseline = 0.0

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss that training minimises.

        Args:
            batch: images and labels.
        """
        outputs = self.network(batch[0])
        outputs = outputs if isinstance(outputs, list) else [outputs]
        losses = [cross_entropy(o, batch[1], label_smoothing=self.smoothing) for o in outputs]
        return sum(w * loss for w, loss in zip(self.loss_weights, losses))  # noqa: B905

    def weight_step(self) -> None:
        """Learn the weights from a batch."""
        self.require_alphas(False)
        self.sgd.zero_grad()
        loss = self.loss(self.train)
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, _LARGEST_NORM)
        self.sgd.step()
        self.require_alphas(True)
        loss.item()

    def require_alphas(self, value: bool) -> None:
        """Say whether gradients of the architecture parameters are computed.

        Args:
            value: whether they are.
        """
        for alpha in self.alphas:
            alpha.requires_grad_(value)

    def darts(self) -> None:
        """Learn the architecture, then the weights."""
        if self.options["order"] == 1:
            gradients = torch.autograd.grad(self.loss(self.valid), self.alphas)
        else:
            gradients = self.unrolled_gradients()
        self.move_alphas(gradients)
        self.weight_step()

    def unrolled_gradients(self) -> Sequence[Tensor]:
        """Return the gradients of second order: equations 6 to 8 of the paper."""
        start = [w.detach().clone() for w in self.weights]
        descent = torch.autograd.grad(self.loss(self.train), self.weights)
        self.move(start, descent, -self.lr)
        both = torch.autograd.grad(self.loss(self.valid), [*self.alphas, *self.weights])
        first, direction = both[: len(self.alphas)], both[len(self.alphas) :]
        epsilon = 0.01 / float(nn.utils.get_total_norm(direction))
        beside = []
        for sign in (1, -1):
            self.move(start, direction, sign * epsilon)
            beside.append(torch.autograd.grad(self.loss(self.train), self.alphas))
        self.move(start, direction, 0.0)
        factor = self.lr / (2 * epsilon)
        return [g - factor * (a - b) for g, a, b in zip(first, *beside)]  # noqa: B905

    @torch.no_grad()
    def move(self, start: Sequence[Tensor], along: Sequence[Tensor], step: float) -> None:
        """Set the weights to start + step · along.

        Args:
            start: where from.
            along: one direction per weight.
            step: how far.
        """
        torch._foreach_copy_(self.weights, start)
        torch._foreach_add_(self.weights, along, alpha=step)

    def move_alphas(self, gradients: Sequence[Tensor]) -> None:
        """Do a step of the architecture parameters.

        Args:
            gradients: one per parameter.
        """
        for alpha, gradient in zip(self.alphas, gradients):  # noqa: B905
            alpha.grad = gradient
        nn.utils.clip_grad_norm_(self.alphas, _LARGEST_NORM)
        self.adam.step()

    def proxyless(self) -> None:
        """Learn the weights of a drawn path, then the architecture from the rewards of others."""
        self.draw()
        self.weight_step()
        draws, rewards = [], []
        # As in our runner, the batch's statistics normalise.
        with torch.inference_mode():
            for _ in range(self.options["arch_samples"]):
                draws.append(self.draw())
                logits = self.network(self.valid[0])
                cross_entropy(logits, self.valid[1], label_smoothing=self.smoothing).item()
                rewards.append(float((logits.argmax(1) == self.valid[1]).float().mean()))
        mean = sum(rewards) / len(rewards)
        gradients = [torch.zeros_like(alpha) for alpha in self.alphas]
        for indices, reward in zip(draws, rewards):  # noqa: B905
            advantage = (reward - self.baseline) / len(rewards)
            rows = zip(gradients, self.alphas, indices)  # noqa: B905
            for gradient, alpha, index in rows:
                gradient += advantage * alpha.detach().softmax(0)
                gradient[index] -= advantage
        self.move_alphas(gradients)
        self.baseline = _BASELINE_DECAY * self.baseline + (1 - _BASELINE_DECAY) * mean

    def draw(self) -> list[int]:
        """Draw every choice and return the indices."""
        return [choice.draw() for choice in self.choices]

    def describe(self) -> dict[str, Any]:
        """Return what both frameworks must agree on, and PyTorch's version."""
        return {
            "parameters": sum(w.numel() for w in self.weights),
            "alphas": sum(alpha.numel() for alpha in self.alphas),
            "multiply_adds": multiply_adds(self.network, self.one[0]),
            "version": torch.__version__,
        }


def main() -> None:
    """Answer requests."""
    out = answers()
    asked = request()
    torch.set_num_threads(asked["threads"])
    torch.manual_seed(0)
    steps = Steps(asked)
    updates: dict[str, Callable[[], None]] = {
        "DartsSearcher": steps.darts,
        "ProxylessNasSearcher": steps.proxyless,
        "Trainer": steps.weight_step,
    }
    serve(updates[asked["network"]["algorithm"]], steps.describe, out)


if __name__ == "__main__":
    main()
