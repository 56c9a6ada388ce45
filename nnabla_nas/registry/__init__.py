"""Registries map public names to classes, so that an experiment's JSON can choose them.

A name of ours is declared with the place of its class, which is imported on first use: names can
be listed and checked without importing nnabla. A user registers a class of their own with a
decorator and names it `package.module:name` in the JSON; the module is imported first.
"""

from nnabla_nas.registry.declarations import (
    datasets,
    estimators,
    evaluators,
    lr_schedulers,
    register_dataset,
    register_estimator,
    register_evaluator,
    register_runner,
    register_search_space,
    register_transform,
    runners,
    search_spaces,
    solvers,
    transforms,
)
from nnabla_nas.registry.registry import Entry, Registry, did_you_mean

__all__ = [
    "Entry",
    "Registry",
    "datasets",
    "did_you_mean",
    "estimators",
    "evaluators",
    "lr_schedulers",
    "register_dataset",
    "register_estimator",
    "register_evaluator",
    "register_runner",
    "register_search_space",
    "register_transform",
    "runners",
    "search_spaces",
    "solvers",
    "transforms",
]
