"""Every check of super-networks catches the choices that are broken in just that."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import nnabla as nn
import nnabla.functions as F
import pytest

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas import testing
from nnabla_nas.testing.toy_space import SearchNet

SHAPE = (1, 8, 8)


class WithOtherChoices(SearchNet):
    choice: type[Mo.MixedOp]

    def _chain(self, channels: int) -> list[Mo.Module]:
        chain = super()._chain(channels)
        changed: list[Mo.Module] = []
        for mixed in chain:
            assert isinstance(mixed, Mo.MixedOp)
            other = self.choice(list(mixed._ops), mixed.mode)
            other.names = mixed.names
            changed.append(other)
        return changed


def with_choices(choice: type[Mo.MixedOp]) -> type[SearchNet]:
    return type(choice.__name__, (WithOtherChoices,), {"choice": choice})


class DrawsBlindly(Mo.MixedOp):
    def draw(self) -> int:
        self.active = 1
        return 1


class DrawsWithoutEffect(Mo.MixedOp):
    def draw(self) -> int:
        before, index = self.active, super().draw()
        self.active = before
        return index


class StuckMask(Mo.MixedOp):
    def call(self, x: nn.Variable) -> nn.Variable:
        y = super().call(x)
        self._chosen.clear()
        return y


class WrongMask(Mo.MixedOp):
    def call(self, x: nn.Variable) -> nn.Variable:
        y = super().call(x)
        return y if self.active_only else F.mul_scalar(y, 0.5)


class AcceptsAnything(Mo.MixedOp):
    @property
    def active(self) -> int:
        return self._active

    @active.setter
    def active(self, index: int) -> None:
        self._active = index % len(self._ops)
        for chosen in self._chosen:
            chosen.set_active(self._active)


class ComputesAll(Mo.MixedOp):
    """Computes what is inactive too."""

    def call(self, x: nn.Variable) -> nn.Variable:
        if self.active_only:
            return super().call(x)
        return F.add_n(*[F.mul_scalar(operation(x), 1.0) for operation in self._ops])


class MixesEvenly(Mo.MixedOp):
    """Takes the mean whatever alpha is."""

    def call(self, x: nn.Variable) -> nn.Variable:
        if self.active_only:
            return super().call(x)
        total = F.add_n(*[operation(x) for operation in self._ops])
        return F.mul_scalar(total, 1 / len(self._ops))


class CutOff(Mo.MixedOp):
    def call(self, x: nn.Variable) -> nn.Variable:
        branches = [operation(x) for operation in self._ops]
        if self.active_only:
            return branches[self.active]
        branches[0].need_grad = False
        chosen = F.add_n(*branches)
        self._chosen.append(function.switch(chosen))
        self.active = self._active
        return chosen


CHOICES: dict[str, tuple[type[Mo.MixedOp], Callable[..., None], str]] = {
    "draws blindly": (DrawsBlindly, testing.check_choices, "draws candidate 1"),
    "draws in vain": (
        DrawsWithoutEffect,
        testing.check_choices,
        "making it the active one",
    ),
    "stuck mask": (StuckMask, testing.check_masks, "differ by"),
    "wrong mask": (WrongMask, testing.check_masks, "differ by"),
    "accepts": (AcceptsAnything, testing.check_set_architecture, "is accepted"),
    "computes all": (ComputesAll, testing.check_gradients, "is no part of it"),
    "moves statistics": (
        ComputesAll,
        testing.check_inactive_statistics,
        r"changes _blocks/\d/_ops/\d/1/",
    ),
    "cut off": (CutOff, testing.check_gradients, "no gradient for"),
    "never reached": (
        CutOff,
        testing.check_every_tensor_is_reached,
        "no architecture of many gives a gradient to _blocks/0/_ops/0",
    ),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_broken_choice_is_caught(name: str) -> None:
    choice, check, words = CHOICES[name]
    # Some checks need the shape of the images, some do not.
    rest = ({}, SHAPE)[: len(inspect.signature(check).parameters) - 1]
    check(SearchNet, *rest)
    with pytest.raises(AssertionError, match=words):
        check(with_choices(choice), *rest)


def test_a_mixture_that_alpha_does_not_decide_is_caught() -> None:
    testing.check_masks(SearchNet, {"mode": "full"}, SHAPE)
    with pytest.raises(AssertionError, match="differ by"):
        testing.check_masks(with_choices(MixesEvenly), {"mode": "full"}, SHAPE)
    with pytest.raises(AssertionError, match=r"gives a gradient to _blocks/0/_alpha"):
        testing.check_every_tensor_is_reached(with_choices(MixesEvenly), {"mode": "full"}, SHAPE)
