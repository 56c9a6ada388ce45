"""Everything an experiment's JSON can name."""

from __future__ import annotations

from collections.abc import Sequence

from nnabla_nas.registry import (
    Registry,
    datasets,
    estimators,
    evaluators,
    lr_schedulers,
    runners,
    search_spaces,
    solvers,
    transforms,
)
from nnabla_nas.tool.parser import ToolParser

_KINDS: tuple[tuple[str, str, Registry], ...] = (
    ("search spaces", "network.search_space", search_spaces),
    ("algorithms", "algorithm", runners),
    ("data sets", "dataset", datasets),
    ("estimators", "", estimators),
    ("evaluators", "algorithm.evaluator", evaluators),
    ("transforms of training images", "transforms", transforms),
    ("solvers", "optimizer.PHASE.solver", solvers),
    ("learning-rate schedulers", "optimizer.PHASE.lr_scheduler", lr_schedulers),
)
_OWN = """\
A search space, algorithm, data set or estimator of your own needs a name, and a module that Python
can import: one beside main.py (with -m: in the current folder), or in a folder of PYTHONPATH.

  from nnabla_nas.registry import register_dataset

  @register_dataset("mine")            # likewise register_search_space, register_runner,
  class Mine(Dataset):                 # register_estimator and register_transform
      \"\"\"What this list would say of it.\"\"\"

In the JSON it is called "my_package.my_module:mine"; the module is imported first.
"""


def main(argv: Sequence[str]) -> int:
    """Print every registered name with a line about it.

    Args:
        argv: the arguments behind `list`.

    Returns:
        The exit code.
    """
    ToolParser("list", "Print everything an experiment's JSON can name.", _OWN).parse(argv)
    print("\n\n".join(_section(*kind) for kind in _KINDS))
    print('\nyour own: "package.module:name"; see python -m nnabla_nas list --help')
    return 0


def _section(heading: str, key: str, registry: Registry) -> str:
    entries = [registry.entry(name) for name in registry.names()]
    width = max(len(entry.name) for entry in entries)
    lines = [f"  {entry.name:<{width}}  {entry.summary}" for entry in entries]
    return "\n".join([f"{heading} ({key})" if key else heading, *lines])
