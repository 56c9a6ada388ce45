"""What each operation of the DARTS space can make of the data of search_quality.py.

Trains the network of that benchmark from scratch with one operation on all edges. The classes
differ by a direction, and pooling and skip_connect have none. What they reach all the same, they
reach because the filters of the 3x3 stem have one, and pooling brings their answers together. The
error by chance is 0.5.

    ./run.sh python benchmarks/operations_alone.py --seeds 3

About a quarter of a minute a network on an idle core.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from search_quality import EDGES, NETWORK, WEIGHTS, finish

from nnabla_nas.search_space.darts.genotype import KINDS
from nnabla_nas.search_space.darts.operations import NONE, OPERATIONS


def experiment(operation: int, seed: int, n_train: int, epochs: int, folder: Path) -> Any:
    """Return a training of the network that holds one operation on all edges.

    Args:
        operation: its number.
        seed: of the run.
        n_train: training images.
        epochs: of the training.
        folder: where the genotype and the run go.
    """
    genotype = folder / "genotype.json"
    edges = [[operation, source] for source in range(EDGES)]
    genotype.write_text(json.dumps({f"{kind}_alpha": {"2": edges} for kind in KINDS}))
    return {
        "dataset": {"name": "synthetic", "n_classes": 2, "n_train": n_train, "n_test": 1024},
        "input_shape": [3, 32, 32],
        "algorithm": "Trainer",
        "search": False,
        "seed": seed,
        "context": "cpu",
        "threads": 1,
        "output_path": str(folder / "train"),
        "epoch": epochs,
        "batch_size_train": 32,
        "batch_size_valid": 64,
        "mini_batch_train": 32,
        "mini_batch_valid": 64,
        "train_portion": 1.0,
        "network": {**NETWORK, "genotype": str(genotype)},
        "optimizer": {"train": WEIGHTS},
    }


def run(arguments: list[str] | None = None) -> None:
    """Train with every operation and seed, and print the table.

    Args:
        arguments: of the command line; by default this process's.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 1 on")
    parser.add_argument("--images", type=int, default=6400, help="training images")
    parser.add_argument("--epochs", type=int, default=2, help="epochs of each training")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error("--seeds must be at least 1")
    print("| operation on all edges | test error, median | of each seed |")
    print("|---|---|---|")
    for operation, name in enumerate(OPERATIONS):
        if operation == NONE:
            continue
        errors = []
        for seed in range(1, options.seeds + 1):
            with tempfile.TemporaryDirectory() as folder:
                values = experiment(operation, seed, options.images, options.epochs, Path(folder))
                errors.append(finish(values)["test"]["error"])
        each = ", ".join(f"{error:.3f}" for error in errors)
        print(f"| {name} | {statistics.median(errors):.3f} | {each} |", flush=True)


if __name__ == "__main__":
    run()
