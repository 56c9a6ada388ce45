"""Whether a DARTS search finds convolutions where the data need them, and only there.

The two classes of the data differ by the direction in which a dark spot lies beside a bright one,
five pixels apart: further than the 3x3 stem sees, and pooling and skip_connect have no direction.
So the stronger edges should become convolutions, in the normal cell or in the two reductions after
it. With the labels dealt out anew there is nothing to find, and no kind of operation should be
preferred: 4 of the 7 operations that an edge can keep are convolutions. Validation images are seen
three times only: architecture parameters learn the noise of labels that they see more often.

    ./run.sh python benchmarks/search_quality.py --seeds 5

About three minutes a seed on one core.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from nnabla_nas.cli import main
from nnabla_nas.module.parameter_file import read_parameters
from nnabla_nas.search_space.darts.operations import NONE, OPERATIONS

KINDS = ("normal", "reduce")
CONVOLUTIONS = [index for index, name in enumerate(OPERATIONS) if "conv_" in name]
EDGES = 2
BY_CHANCE = len(CONVOLUTIONS) / (len(OPERATIONS) - 1)


def experiment(seed: int, shuffled: bool, epochs: int, output: Path) -> dict[str, Any]:
    """Return a search of one node per cell, in one normal and two reduction cells.

    Args:
        seed: of the run.
        shuffled: whether the labels are dealt out anew.
        epochs: of the search.
        output: where it writes.
    """
    return {
        "dataset": {
            "name": "synthetic",
            "n_classes": 2,
            "n_train": 2560,
            "n_test": 32,
            "shuffle_labels": shuffled,
        },
        "input_shape": [3, 32, 32],
        "algorithm": "DartsSearcher",
        "search": True,
        "seed": seed,
        "context": "cpu",
        "output_path": str(output),
        "epoch": epochs,
        "batch_size_train": 32,
        "batch_size_valid": 32,
        "mini_batch_train": 32,
        "mini_batch_valid": 32,
        "train_portion": 0.5,
        "network": {
            "search_space": "darts",
            "init_channels": 4,
            "num_cells": 3,
            "num_choices": 1,
            "multiplier": 1,
            "shared": True,
            "mode": "full",
        },
        "optimizer": {
            "train": {
                "solver": {"name": "Momentum", "lr": 0.1},
                "grad_clip": 5.0,
                "weight_decay": 3e-4,
            },
            "valid": {
                "solver": {"name": "Adam", "alpha": 0.05, "beta1": 0.5, "beta2": 0.999},
                "grad_clip": 5.0,
            },
        },
    }


def search(seed: int, shuffled: bool, epochs: int) -> dict[str, Any]:
    """Run a search.

    Args:
        seed: of the run.
        shuffled: whether the labels are dealt out anew.
        epochs: of the search.

    Returns:
        `error` on the validation part, and by kind of cell the operations it keeps, the stronger
        edge first, and the convolutions' share in the probability of all operations but none,
        mean over its edges.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "search"
        path = Path(folder) / "search.json"
        path.write_text(json.dumps(experiment(seed, shuffled, epochs, output)))
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = main(["-f", str(path)])
        if code:
            raise SystemExit(f"the search with seed {seed} ended with {code}\n{said.getvalue()}")
        words = json.loads((output / "arch.json").read_text())
        result = json.loads((output / "result.json").read_text())
        names = [f"{kind}/{edge}" for kind in range(len(KINDS)) for edge in range(EDGES)]
        shapes = {name: (len(OPERATIONS), 1, 1, 1, 1) for name in names}
        alphas = [alpha.ravel() for alpha in read_parameters(output / "arch.h5", shapes).values()]
    exponentials = np.delete(np.exp(alphas), NONE, axis=1)
    shares = exponentials[:, CONVOLUTIONS].sum(axis=1) / exponentials.sum(axis=1)
    cells = {
        kind: {
            "kept": [op for op, _ in words[f"{kind}_alpha"]["2"]],
            "share": float(shares[index * EDGES : (index + 1) * EDGES].mean()),
        }
        for index, kind in enumerate(KINDS)
    }
    return {"error": result["metrics"]["valid"]["error"], **cells}


def summary(labels: str, kind: str, found: list[dict[str, Any]]) -> str:
    """Return a line about one kind of cell over all seeds.

    Args:
        labels: which labels they had.
        kind: of cell.
        found: what `search` returned for each seed.
    """
    strong = sum(one[kind]["kept"][0] in CONVOLUTIONS for one in found)
    shares = [one[kind]["share"] for one in found]
    spread = statistics.stdev(shares) if len(shares) > 1 else 0.0
    return (
        f"{labels} labels, {kind} cell: a convolution on the stronger edge for {strong} of "
        f"{len(found)} seeds, convolutions' share {statistics.mean(shares):.2f} ± {spread:.2f} "
        f"(by chance {BY_CHANCE:.2f})"
    )


def run() -> None:
    """Search with every seed and both kinds of labels, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from --first on")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each search")
    options = parser.parse_args()
    print("| labels | seed | error | normal cell, share | reduction cell, share |")
    print("|---|---|---|---|---|")
    began = time.perf_counter()
    results: dict[str, list[dict[str, Any]]] = {"true": [], "shuffled": []}
    for seed in range(options.first, options.first + options.seeds):
        for labels, found in results.items():
            found.append(search(seed, labels == "shuffled", options.epochs))
            row = [labels, str(seed), f"{found[-1]['error']:.3f}"]
            for kind in KINDS:
                names = [OPERATIONS[op] for op in found[-1][kind]["kept"]]
                row.append(f"{', '.join(names)}, {found[-1][kind]['share']:.2f}")
            print(f"| {' | '.join(row)} |", flush=True)
    for labels, found in results.items():
        for kind in KINDS:
            print(summary(labels, kind, found))
    print(f"{time.perf_counter() - began:.0f} s, {options.epochs} epochs each")


if __name__ == "__main__":
    run()
