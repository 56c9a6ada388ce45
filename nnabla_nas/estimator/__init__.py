"""What an architecture costs: one estimator a file."""

from nnabla_nas.estimator.activation_memory import ActivationMemoryEstimator
from nnabla_nas.estimator.estimator import Estimator
from nnabla_nas.estimator.flops import FLOPsEstimator
from nnabla_nas.estimator.latency import LatencyEstimator, LatencyTable
from nnabla_nas.estimator.parameter import ParameterEstimator

__all__ = [
    "ActivationMemoryEstimator",
    "Estimator",
    "FLOPsEstimator",
    "LatencyEstimator",
    "LatencyTable",
    "ParameterEstimator",
]
