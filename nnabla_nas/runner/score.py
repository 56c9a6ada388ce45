"""Loss and error of batches, read from the device that computed them as seldom as needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import nnabla as nn
import nnabla.functions as F

import nnabla_nas.function as function


class Score:
    """Mean loss and mean top-1 error of a batch: the pair (loss, error), once it is read.

    On the CPU reading costs nothing and is done at once. Elsewhere it would wait for the device, so
    the numbers stay there until somebody asks for them.

    Args:
        *passes: loss and error of passes that are known already.
    """

    def __init__(self, *passes: tuple[float, float]) -> None:
        self._passes = list(passes)
        self._unread: list[nn.NdArray] = []

    def add(self, loss: nn.Variable, error: nn.Variable) -> None:
        """Count a pass of the graph, as many examples as every other one.

        Args:
            loss: its mean loss, a scalar that the next pass will overwrite.
            error: likewise, its mean error.
        """
        if function.on_cpu():
            self._passes.append((float(loss.d), float(error.d)))
        else:
            # A copy of both on the device: nothing is waited for.
            self._unread.append(F.stack(loss.data, error.data))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> float:
        read_together([self])
        return sum(one[index] for one in self._passes) / len(self._passes)

    def __iter__(self) -> Iterator[float]:
        yield self[0]
        yield self[1]


def read_together(scores: Sequence[Score]) -> None:
    """Read scores from the device in one copy, those that were not read yet.

    The values and the order in which they are added up are the same whenever they are read.

    Args:
        scores: the scores.
    """
    arrays = [array for score in scores for array in score._unread]
    if not arrays:
        return
    pairs = iter(F.stack(*arrays).data.astype(float).tolist())
    for score in scores:
        score._passes += [tuple(next(pairs)) for _ in score._unread]
        score._unread.clear()


class Readings:
    """Scores that wait to be read, and what is to be done with each of them then.

    Args:
        at_once: whether to read each when it comes, as costs nothing on the CPU.
    """

    def __init__(self, at_once: bool) -> None:
        self.at_once = at_once
        self._waiting: list[tuple[Score, Callable[[float, float], None]]] = []

    def add(self, score: Score, use: Callable[[float, float], None]) -> None:
        """Take a score.

        Args:
            score: the score.
            use: gets its loss and error when they are read.
        """
        self._waiting.append((score, use))
        if self.at_once:
            self.read()

    def read(self) -> None:
        """Read what waits, in one copy, and use it in the order in which it came."""
        waiting, self._waiting = self._waiting, []
        read_together([score for score, _ in waiting])
        for score, use in waiting:
            use(*score)
