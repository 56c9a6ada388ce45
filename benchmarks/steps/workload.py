"""What is measured: one update of one kind of experiment each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

# The cells of figures 4 and 5 of Liu et al., "DARTS", 2019: per node (operation, input) twice,
# operations numbered as in arch.json.
DARTS_CELLS: dict[str, Any] = {
    "normal_alpha": {
        "2": [[2, 0], [2, 1]],
        "3": [[2, 0], [2, 1]],
        "4": [[2, 1], [6, 0]],
        "5": [[6, 0], [0, 2]],
    },
    "reduce_alpha": {
        "2": [[4, 0], [4, 1]],
        "3": [[6, 2], [4, 1]],
        "4": [[4, 0], [6, 2]],
        "5": [[6, 2], [4, 1]],
    },
}
_MOBILENET_OPERATIONS = [f"MB{e} {k}x{k}" for k in (3, 5, 7) for e in (3, 6, 1)]


@dataclass(frozen=True)
class Workload:
    """One kind of update.

    The multiply-adds of an update are those of a forward pass of one example, times what the
    factors say: forward, gradients of activations and gradients of weights count one each.

    Args:
        name: what `--only` calls it.
        title: what the table calls it.
        example: the experiment it is, a file in examples/.
        batch_train: examples of a weight step.
        batch_valid: examples of an architecture step.
        train_factor: forward passes' worth of arithmetic per training example.
        valid_factor: the same per validation example.
        options: of the algorithm, beside the example's.
        network: arguments of the network, beside the example's.
        cells: what arch.json holds, where the network is one of fixed cells.
        n_classes: of the data.
    """

    name: str
    title: str
    example: str
    batch_train: int
    batch_valid: int
    train_factor: int = 3
    valid_factor: int = 0
    options: tuple[tuple[str, Any], ...] = ()
    network: tuple[tuple[str, Any], ...] = ()
    cells: str | None = None
    n_classes: int = 10

    def multiply_adds(self, forward: float) -> float:
        """Return those of an update.

        Args:
            forward: those of a forward pass of one example.
        """
        examples = self.train_factor * self.batch_train + self.valid_factor * self.batch_valid
        return forward * examples

    def with_network(self, name: str, **arguments: Any) -> Workload:
        """Return the same step of another network.

        Args:
            name: of the new workload, its title as well.
            arguments: arguments of the network to change.
        """
        return replace(self, name=name, title=name, network=(*self.network, *arguments.items()))


# Architecture steps of first order need no gradients of weights: 2. Second order (equations 6 to
# 8 of the paper) unrolls (3), differentiates by weights and alphas (3), and twice by alphas (2).
DARTS = Workload("darts", "DARTS, first order", "darts_search", 16, 16, 3, 2)
PROXYLESS = Workload(
    "proxyless", "ProxylessNAS, mobilenet", "mobilenet_cifar10_search", 32, 64, 3, 10
)
WORKLOADS: tuple[Workload, ...] = (
    DARTS,
    replace(
        DARTS,
        name="darts_second_order",
        title="DARTS, second order",
        train_factor=3 + 3 + 2 + 2,
        valid_factor=3,
        options=(("order", 2),),
    ),
    PROXYLESS,
    Workload("zoph", "ProxylessNAS, zoph", "pnas_zoph_search", 8, 8, 3, 10),
    Workload("random_wired", "Trainer, random_wired", "random_wired_train", 8, 8),
    Workload("train_mobilenet", "Trainer, mobilenet", "mobilenet_cifar10_train", 16, 16),
    Workload("train_darts", "Trainer, darts", "darts_train", 16, 16, cells="darts"),
)


def scaling() -> tuple[Workload, ...]:
    """Return the steps whose time and memory over batch, cells and candidates are measured."""
    batches = [
        replace(one, name=f"{one.name}_batch_{n}", title=f"{one.title}, batch {n}", **sizes)
        for one in (DARTS, PROXYLESS)
        for n in (16, 32, 64, 128)
        for sizes in [{"batch_train": n, "batch_valid": n * one.batch_valid // one.batch_train}]
    ]
    cells = [DARTS.with_network(f"darts_cells_{n}", num_cells=n) for n in (4, 8, 12, 16, 20)]
    candidates = [
        PROXYLESS.with_network(
            f"proxyless_candidates_{n}", candidates=_MOBILENET_OPERATIONS[:n], skip_connect=False
        )
        for n in range(2, 8)
    ]
    return (*batches, *cells, *candidates)
