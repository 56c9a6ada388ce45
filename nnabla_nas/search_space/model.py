"""What runners know of a network: choices, parameters, loss, metrics, words and a picture."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np

from nnabla_nas.artifact.diagram import Diagram, Edge, Node, side_by_side
from nnabla_nas.artifact.drawing import draw
from nnabla_nas.module import Choice, Module, Parameter, RandomInput
from nnabla_nas.module.parameter_file import read_parameters
from nnabla_nas.search_space.decision import Decision

_SKIP_CONNECTS = ("skip_connect", "Identity")


class Model(Module):
    """A network that a runner can search or train.

    A subclass defines `call`, `loss` and `metrics`; everything about architectures follows from
    its choices: its `Choice` modules, such as `MixedOp`, in the order of `get_modules`.

    Attributes:
        decoder: what decodes instead of the largest probabilities, where bounds are to be kept:
            per choice its candidate, None where the choice is dropped.
    """

    decoder: Callable[[], list[int | None]] | None = None

    def choices(self) -> OrderedDict[str, Choice]:
        """Return the decisions of the architecture by path, in a fixed order."""
        return OrderedDict((p, m) for p, m in self.get_modules() if isinstance(m, Choice))

    def get_arch_parameters(self, grad_only: bool = False) -> OrderedDict[str, Parameter]:
        """Return the architecture parameters by path, a shared one once.

        Args:
            grad_only: leave out those that are not trained.
        """
        alphas = self._alpha_ids()
        return OrderedDict(
            (path, p) for path, p in self.get_parameters(grad_only).items() if id(p) in alphas
        )

    def get_net_parameters(self, grad_only: bool = False) -> OrderedDict[str, Parameter]:
        """Return all other parameters by path.

        Args:
            grad_only: leave out those that are not trained, such as running statistics.
        """
        alphas = self._alpha_ids()
        return OrderedDict(
            (path, p) for path, p in self.get_parameters(grad_only).items() if id(p) not in alphas
        )

    def _alpha_ids(self) -> set[int]:
        return {id(choice.alpha) for choice in self.choices().values()}

    def load_weights(self, path: str | Path) -> None:
        """Start from the weights and running statistics of a file, architecture parameters apart.

        Args:
            path: a weights.h5 of the same network.

        Raises:
            WeightsError: if the file is missing or damaged, or a parameter is missing or differs.
        """
        shapes = {name: parameter.shape for name, parameter in self.get_net_parameters().items()}
        self.set_parameters(read_parameters(path, shapes))

    def set_architecture(self, indices: Sequence[int]) -> None:
        """Make one candidate of every choice the active one.

        Args:
            indices: one index per choice, in the order of `choices`.

        Raises:
            ValueError: if their number or one of them is wrong.
        """
        choices = list(self.choices().values())
        if len(indices) != len(choices):
            raise ValueError(f"{len(indices)} indices for {len(choices)} choices")
        for choice, index in zip(choices, indices, strict=True):
            choice.active = int(index)

    def most_probable_architecture(self) -> list[int]:
        """Return the index of largest probability of every choice, the first one of equals.

        With a `decoder` it is the most probable architecture that the decoder allows.
        """
        indices = self.unbounded_architecture() if self.decoder is None else self.decoder()
        return [index for index in indices if index is not None]

    def unbounded_architecture(self) -> list[int | None]:
        """Return per choice its candidate in the most probable architecture, whatever it costs.

        None where the architecture drops the choice.
        """
        return [choice.most_probable for choice in self.choices().values()]

    def decisions(self) -> list[Decision]:
        """Return what decoding decides, over all choices.

        By default every choice for itself, those that share an architecture parameter together.
        """
        choices = list(self.choices().values())
        together: dict[int, list[int]] = {}
        for position, choice in enumerate(choices):
            together.setdefault(id(choice.alpha), []).append(position)
        return [
            Decision((tuple(edge),), (tuple(range(len(choices[edge[0]].names))),))
            for edge in together.values()
        ]

    def kept_operations(self) -> list[str]:
        """Return the names of the operations that the decoded architecture keeps.

        A search is watched for collapse by them; a space of cells names those of its normal cell.
        """
        chosen = zip(self.choices().values(), self.most_probable_architecture(), strict=True)
        return [choice.names[index] for choice, index in chosen]

    def in_brief(self, indices: Sequence[int | None]) -> str:
        """Return an architecture in one line: the operations, in the order of the choices.

        Args:
            indices: per choice its candidate, None where the architecture drops the choice.
        """
        chosen = zip(self.choices().values(), indices, strict=True)
        return "; ".join(choice.names[index] for choice, index in chosen if index is not None)

    def kept_shares(self) -> list[float]:
        """Return per choice the share of decoded architectures that compute its operation.

        Expected costs count a choice by it: 1, unless decoding drops some of the choices.
        """
        return [1.0] * len(self.choices())

    def n_skip_connects(self) -> int:
        """Return how many of the kept operations do nothing but hand their input on."""
        return sum(name in _SKIP_CONNECTS for name in self.kept_operations())

    def derived(self) -> Model:
        """Return the network of the most probable architecture, as costs count it.

        By default the super-network itself, that architecture made the active one. A space whose
        architecture is no choice between paths returns a network built from it.
        """
        if self.choices():
            self.set_architecture(self.most_probable_architecture())
        return self

    def retrain_arguments(self) -> dict[str, str]:
        """Return what the experiment that trains the architecture found changes: key → value."""
        return {}

    def refill_random_inputs(self) -> None:
        """Draw anew what is random in a training pass, such as dropout masks."""
        for module in self._random_modules():
            module.refill()

    def set_training_progress(self, fraction: float) -> None:
        """Learn how much of the training is over; for what changes on the way, such as drop-path.

        Args:
            fraction: from 0 at the start to 1 at the end.
        """

    def _random_modules(self) -> list[RandomInput]:
        if "_random_module_list" not in vars(self):
            # Kept because a pass must not walk the tree of modules.
            self._random_module_list = [
                module for _, module in self.get_modules() if isinstance(module, RandomInput)
            ]
        return self._random_module_list

    def loss(
        self,
        outputs: Any,
        targets: nn.Variable,
        loss_weights: Sequence[float] | None = None,
    ) -> nn.Variable:
        """Return the scalar that training minimises.

        Args:
            outputs: what `call` returned.
            targets: (B, 1).
            loss_weights: weights of the outputs where there are several; by default 1 each.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define loss()")

    def metrics(self, outputs: Any, targets: nn.Variable) -> dict[str, nn.Variable]:
        """Return scalars that judge the outputs; `error` is the one that searches and selects.

        Args:
            outputs: what `call` returned.
            targets: (B, 1).
        """
        raise NotImplementedError(f"{type(self).__name__} does not define metrics()")

    def decode(self) -> dict[str, Any]:
        """Return the most probable architecture in words, as arch.json holds it.

        Returns:
            `choices`: per choice its path, the operation, its index and probability and the
            runner-up.
        """
        words = []
        decoded = self.most_probable_architecture()
        for (path, choice), best in zip(self.choices().items(), decoded, strict=True):
            probabilities = choice.probabilities
            others = [int(i) for i in np.argsort(-probabilities, kind="stable") if i != best]
            words.append(
                {
                    "path": path,
                    "operation": choice.names[best],
                    "index": best,
                    "probability": float(probabilities[best]),
                    "runner_up": choice.names[others[0]] if others else None,
                    "runner_up_probability": (float(probabilities[others[0]]) if others else None),
                }
            )
        return {"choices": words}

    def summary(self) -> str:
        """Return a few lines: trainable weights, architecture parameters, choices, candidates."""
        weights = sum(p.size for p in self.get_net_parameters(grad_only=True).values())
        alphas = sum(p.size for p in self.get_arch_parameters(grad_only=True).values())
        choices = self.choices().values()
        lines = [f"trainable parameters: {weights:,}"]
        if choices:
            architectures = float(np.prod([float(len(choice.names)) for choice in choices]))
            lines.append(f"architecture parameters: {alphas:,} in {len(choices)} choices")
            lines.append(f"architectures: {architectures:.3g}")
        return "\n".join(lines)

    def drawn_as(self) -> str:
        """Return the title of a drawing, which says where operations tie."""
        choices = [choice.probabilities for choice in self.choices().values()]
        ties = sum(int(np.sum(p == np.max(p)) > 1) for p in choices)
        if not choices:
            return "architecture"
        if ties == len(choices):
            return "undecided architecture (in every choice operations tie)"
        if ties:
            return (
                f"most probable architecture (in {ties} of {len(choices)} choices operations tie)"
            )
        return "most probable architecture"

    def diagram(self) -> Diagram:
        """Return the most probable architecture as boxes and arrows.

        A space that does not know better is drawn as its choices, one under the other.
        """
        choices = self.decode().get("choices", [])
        boxes = [Node(c["path"], (c["operation"], c["path"]), c["operation"]) for c in choices]
        nodes = [Node("input", (), "input"), *boxes, Node("output", (), "output")]
        edges = [Edge(above.name, below.name) for above, below in pairwise(nodes)]
        return Diagram("architecture: the choices in order", tuple(nodes), tuple(edges))

    def visualize(
        self,
        path: str | Path,
        dot_path: str | Path | None = None,
        beside: Mapping[str, Model] | None = None,
    ) -> str:
        """Draw the most probable architecture.

        Args:
            path: the PNG file to write.
            dot_path: the Graphviz source to write; by default beside the PNG.
            beside: other networks to draw in the same picture, by their titles; such as a
                reference to compare with.

        Returns:
            How it was drawn, in words.
        """
        path, diagram = Path(path), self.diagram()
        if beside:
            others = {title: other.diagram() for title, other in beside.items()}
            title = " and ".join([diagram.title, *others])
            diagram = side_by_side(title, {diagram.title: diagram, **others})
        return draw(diagram, path, Path(dot_path or path.with_suffix(".dot")))
