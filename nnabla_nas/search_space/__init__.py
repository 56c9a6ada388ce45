"""Search spaces: what every network answers (`Model`) and one package per space."""

from nnabla_nas.search_space.classification import ClassificationModel
from nnabla_nas.search_space.model import Model

__all__ = ["ClassificationModel", "Model"]
