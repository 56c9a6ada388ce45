"""Architectures as tuples of small integers, for algorithms that propose whole ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import prod
from typing import Any

import numpy as np

from nnabla_nas.errors import InputError
from nnabla_nas.search_space.decision import Decision
from nnabla_nas.search_space.model import Model

# One integer per variable of an encoding.
Code = tuple[int, ...]
# So much more than the others the chosen candidates get in an architecture parameter: p > 0.999.
_DECIDED = 12.0


class Encoding:
    """The variables of a search space, each with a number of values.

    An independent choice is one variable: its candidate. Where decoding keeps some of several
    competing edges, as in genotypes, one variable says which, and one per kept edge says its
    operation: equal codes are equal architectures, and uniform codes uniform genotypes.

    Args:
        model: the super-network.

    Attributes:
        sizes: per variable the number of its values.
        independent: whether every variable is a choice.
    """

    def __init__(self, model: Model) -> None:
        self._choices = list(model.choices().values())
        self._decisions = model.decisions()
        self._kept = [list(combinations(range(len(d.edges)), d.kept)) for d in self._decisions]
        self.independent = all(len(kept) == 1 for kept in self._kept)
        self.sizes: tuple[int, ...] = tuple(
            size
            for decision, kept in zip(self._decisions, self._kept, strict=True)
            for size in _sizes(decision, kept)
        )

    @property
    def n_architectures(self) -> int:
        """How many architectures there are."""
        return prod(self.sizes)

    def random(self, rng: np.random.Generator) -> Code:
        """Return a random architecture, all equally probable.

        Args:
            rng: where it is drawn from.
        """
        return tuple(int(rng.integers(size)) for size in self.sizes)

    def neighbours(self, code: Code) -> list[Code]:
        """Return the architectures that differ in one variable.

        Args:
            code: an architecture.
        """
        return [
            (*code[:position], value, *code[position + 1 :])
            for position, size in enumerate(self.sizes)
            for value in range(size)
            if value != code[position]
        ]

    def all(self) -> Iterator[Code]:
        """Yield every architecture."""
        return product(*(range(size) for size in self.sizes))

    def indices(self, code: Code) -> list[int | None]:
        """Return per choice its candidate, None where the architecture drops the choice.

        Args:
            code: an architecture.
        """
        indices: list[int | None] = [None] * len(self._choices)
        values = iter(code)
        for decision, kept in zip(self._decisions, self._kept, strict=True):
            edges = kept[next(values) if len(kept) > 1 else 0]
            for edge in edges:
                value = next(values)
                for position in decision.edges[edge]:
                    indices[position] = decision.candidates[edge][value]
        return indices

    def code(self, indices: Sequence[int | None]) -> Code:
        """Return the code of an architecture, the inverse of `indices`.

        Args:
            indices: per choice its candidate, None where the architecture drops the choice.
        """
        code: list[int] = []
        for decision, kept in zip(self._decisions, self._kept, strict=True):
            on_edges = [indices[edge[0]] for edge in decision.edges]
            edges = tuple(n for n, index in enumerate(on_edges) if index is not None)
            if len(kept) > 1:
                code.append(kept.index(edges))
            code += [decision.candidates[n].index(on_edges[n]) for n in edges]  # type: ignore[arg-type]
        return tuple(code)

    def path(self, code: Code) -> list[int]:
        """Return the candidate that computes on every choice of the super-network.

        A dropped choice computes the candidate that no decoded architecture has: zeros.

        Args:
            code: an architecture.
        """
        return [
            self._absent(position) if index is None else index
            for position, index in enumerate(self.indices(code))
        ]

    def decide(self, code: Code) -> None:
        """Set the architecture parameters so that the network decodes to an architecture.

        Args:
            code: the architecture.
        """
        for choice, index in zip(self._choices, self.path(code), strict=True):
            values = np.zeros(len(choice.names), np.float32)
            values[index] = _DECIDED
            choice.alpha.d = values.reshape(choice.alpha.shape)

    def text(self, code: Code) -> str:
        """Return an architecture as one word.

        Args:
            code: the architecture.
        """
        return "-".join(map(str, code))

    def read(self, text: str) -> Code:
        """Return the architecture of a word, the inverse of `text`.

        Args:
            text: the word.

        Raises:
            InputError: if it is none of this space.
        """
        parts: Any = text.split("-")
        if all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
            code = tuple(int(part) for part in parts)
            if len(code) == len(self.sizes) and all(
                value < size for value, size in zip(code, self.sizes, strict=True)
            ):
                return code
        raise InputError(f"'{text[:60]}' is no architecture of this search space")

    def _absent(self, position: int) -> int:
        """Return the candidate of a choice that is never decoded, the last one if all are."""
        for decision in self._decisions:
            for edge, candidates in zip(decision.edges, decision.candidates, strict=True):
                if position in edge:
                    n = len(self._choices[position].names)
                    return next((i for i in range(n) if i not in candidates), n - 1)
        raise AssertionError("every choice is part of a decision")


def _sizes(decision: Decision, kept: Sequence[tuple[int, ...]]) -> list[int]:
    # Edges that compete have the same candidates, so a value means the same on each of them.
    choosing = [len(kept)] if len(kept) > 1 else []
    return [*choosing, *(len(decision.candidates[edge]) for edge in kept[0])]
