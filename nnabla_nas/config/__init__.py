"""The experiment: its JSON file, the command line's part in it, and everything that checks it."""

from __future__ import annotations

from nnabla_nas.config.experiment import Experiment, Optimizers, PhaseSettings
from nnabla_nas.config.named import Named, Network
from nnabla_nas.config.reading import read_experiment

__all__ = ["Experiment", "Named", "Network", "Optimizers", "PhaseSettings", "read_experiment"]
