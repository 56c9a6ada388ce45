"""The networks of the zoph space whose architecture is fixed.

Source: Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", 2018.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnabla_nas import random
from nnabla_nas.errors import GenotypeError, InputError
from nnabla_nas.module.choice import most_probable
from nnabla_nas.search_space.genotype import (
    architecture_in_words,
    random_architecture,
    read_genotype,
)
from nnabla_nas.search_space.zoph.arguments import argument_faults, source_faults
from nnabla_nas.search_space.zoph.network import SearchNet, ZophNetwork
from nnabla_nas.search_space.zoph.sony_file import (
    holds_architecture,
    holds_weights,
    is_of_sony,
    n_normalisations,
    read_architecture,
)

# In a block: the concatenation, the convolution, the operations.
_FIRST_OPERATION = 2


class TrainNet(ZophNetwork):
    """One architecture of the space.

    Args:
        arguments: as of SearchNet.
        param_path: arch.h5 or arch.json of a search; or the weights.h5 of a training, whose
            architecture and weights are both taken. Without one the largest of the
            `join_parameters` count; without these the architecture is drawn from the run's seed.
        random_init: say that the architecture is to be drawn: a file is refused.
        genotype: another name of `param_path`, which other spaces' networks use.
        keywords: as of SearchNet.

    Raises:
        GenotypeError: if the file is missing, damaged, or of another search space.
        InputError: if two different architectures are given.
    """

    def __init__(
        self,
        *arguments: Any,
        param_path: str | None = None,
        random_init: bool = False,
        genotype: str | None = None,
        **keywords: Any,
    ) -> None:
        sources = {"param_path": param_path, "random_init": random_init, "genotype": genotype}
        faults = source_faults({**keywords, **sources})
        if faults:
            raise InputError([f"{key}: {text}" for key, text in faults])
        self._file = param_path if genotype is None else genotype
        if self._file is not None and holds_weights(self._file):
            keywords["weights"] = keywords.get("weights") or self._file
            self._file = _architecture_of(self._file)
        self._architecture: list[int] | None = None
        super().__init__(*arguments, **keywords)

    @staticmethod
    def check_arguments(arguments: dict[str, Any]) -> list[tuple[str, str]]:
        """Return (argument, what is wrong) for values no network can be built from.

        Args:
            arguments: the constructor's arguments, already of the right types.
        """
        return argument_faults(arguments) + source_faults(arguments)

    @property
    def architecture(self) -> list[int]:
        """The index of every block's operation, in the order of the blocks."""
        if self._architecture is None:
            self._architecture = self._read_architecture()
        return self._architecture

    def _read_architecture(self) -> list[int]:
        operations = self._operations()
        if self._file is not None and is_of_sony(self._file):
            return read_architecture(self._file, self.n_candidates, self.depths)
        if self._file is not None:
            alphas = {f"{path}/_join_parameters": (len(o),) for path, o in operations.items()}
            return read_genotype(self._file, operations, alphas)
        if self._join_parameters is not None:
            given = [one for cell in self._join_parameters for one in cell]
            return [0 if one is None else most_probable(one.d) for one in given]
        return random_architecture(operations)

    def names_in(self, theirs: Sequence[str]) -> OrderedDict[str, tuple[Any, str | None]]:
        """Return in order what a file of Sony's nnabla-nas holds, in names of ours.

        Args:
            theirs: the file's own names: of the chosen operations, or of all.
        """
        own = super().names_in(theirs)
        if n_normalisations(list(own)) == n_normalisations(theirs):
            return own
        # What the other network's initial values are drawn from must not be missing in this run.
        with random.use(random.Streams(0)):
            everything = SearchNet(**self._sizes).get_net_parameters()
        return OrderedDict((n, (p.shape, self._own_name(n))) for n, p in everything.items())

    def _own_name(self, name: str) -> str | None:
        """Return the name here of what has a name in the super-network."""
        cell, block, position, *rest = [*name.split("/"), "", ""]
        block_path = f"{cell}/{block}"
        operations = dict(zip(self._operations(), self.architecture, strict=True))
        if block_path not in operations or int(position) < _FIRST_OPERATION:
            return name
        if int(position) != _FIRST_OPERATION + operations[block_path]:
            return None
        return "/".join([block_path, str(_FIRST_OPERATION), *filter(None, rest)])

    def _operations_of_cell(self, cell: int) -> list[int]:
        before = sum(self._depths[:cell])
        return self.architecture[before : before + self._depths[cell]]

    def decode(self) -> dict[str, Any]:
        """Return the architecture in words, as arch.json holds it."""
        return architecture_in_words(self._operations(), self.architecture)


def _architecture_of(weights: str) -> str:
    """Return the file with the architecture that a file's weights belong to."""
    if holds_architecture(weights):
        return weights
    for name in ("arch.json", "arch.h5"):
        beside = Path(weights).with_name(name)
        if beside.is_file():
            return str(beside)
    raise GenotypeError(
        f"network.param_path: {weights} holds weights, and there is no arch.json or arch.h5 beside "
        "it; give the weights as network.weights, and the search's arch.h5 as network.param_path"
    )
