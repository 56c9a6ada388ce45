"""Search spaces: what every network answers (`Model`) and one package per space."""

from nnabla_nas.search_space.model import ClassificationModel, Model

__all__ = ["ClassificationModel", "Model"]
