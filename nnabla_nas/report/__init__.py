"""Comparing finished runs: groups, statistics, tables and a page; reads run folders only."""

from nnabla_nas.report.comparison import Comparison, compare
from nnabla_nas.report.findings import Compared

__all__ = ["Compared", "Comparison", "compare"]
