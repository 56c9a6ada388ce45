"""Metrics beside loss and error: of one batch in the graph, of a set from all its batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import numpy.typing as npt

from nnabla_nas.artifact.meter import Meters
from nnabla_nas.errors import InputError
from nnabla_nas.registry import did_you_mean

Counts = npt.NDArray[np.float64]

CONFUSION = "confusion_matrix"
_TOP_5, _MACRO_F1, _BALANCED = "top_5_error", "macro_f1", "balanced_accuracy"
OF_SET = (_MACRO_F1, _BALANCED)
"""Metrics that are no mean over examples: a set's are worked out from its confusion matrix."""

NAMES = (_TOP_5, *OF_SET, CONFUSION)
"""The metrics that an experiment can ask for by name."""


def smaller_is_better(name: str) -> bool:
    """Return whether a metric is to be small: a loss or an error, by the end of its name.

    Args:
        name: its name.
    """
    return name.endswith(("loss", "error"))


def badness(name: str, value: Any) -> Any:
    """Return what is to be small: the metric itself, or what it lacks to 1.

    Args:
        name: the metric's name.
        value: its value, a number or a variable.
    """
    return value if smaller_is_better(name) else 1.0 - value


def confusion(logits: nn.Variable, targets: nn.Variable) -> nn.Variable:
    """Return how many examples of each class are taken for each class.

    Args:
        logits: (B, classes).
        targets: (B, 1), class indices.

    Returns:
        (classes, classes): a row per class, a column per prediction.
    """
    n_classes = logits.shape[1]
    predicted = F.max(logits, axis=1, keepdims=True, only_index=True)
    rows, columns = (F.one_hot(one, (n_classes,)) for one in (targets, predicted))
    return F.affine(F.transpose(rows, (1, 0)), columns)


def in_graph(name: str, logits: nn.Variable, targets: nn.Variable) -> nn.Variable:
    """Return a metric of a batch as a scalar of its graph.

    Args:
        name: one of `NAMES`, the confusion matrix excepted.
        logits: (B, classes).
        targets: (B, 1), class indices.
    """
    if name == _TOP_5:
        return F.mean(F.top_n_error(logits, targets, n=5))
    counts = confusion(logits, targets)
    rows, columns = F.sum(counts, axis=1), F.sum(counts, axis=0)
    hits = F.sum(counts * nn.Variable.from_numpy_array(np.eye(logits.shape[1])), axis=1)
    if name == _BALANCED:
        return _mean_of_present(hits, rows)
    return _mean_of_present(2 * hits, rows + columns)


def _mean_of_present(parts: nn.Variable, wholes: nn.Variable) -> nn.Variable:
    present = F.greater_scalar(wholes, 0)
    return F.sum(parts / F.maximum_scalar(wholes, 1)) / F.sum(present)


def from_confusion(counts: Counts) -> dict[str, float]:
    """Return the metrics that are worked out from a confusion matrix.

    Macro F1 is the mean over classes of 2 · hits / (examples + predictions), balanced accuracy
    that of hits / examples; classes of which there are none are left out.

    Args:
        counts: a row per class, a column per prediction.
    """
    hits, rows, columns = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    both, some = rows + columns > 0, rows > 0
    return {
        _MACRO_F1: float(np.mean(2 * hits[both] / (rows + columns)[both])),
        _BALANCED: float(np.mean(hits[some] / rows[some])),
    }


class SetMetrics:
    """The metrics of a set, gathered batch by batch.

    Attributes:
        counts: the confusion matrix so far, None where nobody asked for it.
    """

    def __init__(self) -> None:
        self._means = Meters()
        self.counts: Counts | None = None

    def add(self, values: Mapping[str, nn.Variable], n: int) -> None:
        """Count a batch.

        Args:
            values: its metrics, computed.
            n: its examples.
        """
        for name, variable in values.items():
            value = variable.d.astype(np.float64)
            if name == CONFUSION:
                self.counts = value if self.counts is None else self.counts + value
            else:
                self._means[name].add(float(value), n)

    def values(self, names: Sequence[str]) -> dict[str, float]:
        """Return the metrics of the set by name.

        Args:
            names: which of those of a confusion matrix are wanted.
        """
        derived = {} if self.counts is None else from_confusion(self.counts)
        return {
            **self._means.means(),
            **{name: value for name, value in derived.items() if name in names},
        }


def check_select(select: str | None, of_model: Sequence[str], more: Sequence[str] = ()) -> None:
    """Refuse a metric to select by that there is not.

    Args:
        select: its name, None for the error.
        of_model: the metrics that the network returns.
        more: further ones that there are.

    Raises:
        InputError: if it is none of these and no metric by name either.
    """
    allowed = sorted({"loss", *of_model, *more, *NAMES} - {CONFUSION})
    if select is None and "error" not in of_model:
        raise InputError(
            f"select: the network's metrics have no 'error'; allowed {', '.join(allowed)}"
        )
    if select is not None and select not in allowed:
        raise InputError(
            f"select: got '{select}'; allowed {', '.join(allowed)}{did_you_mean(select, allowed)}"
        )
