"""Files of nnabla-nas 0.9 and later: recognised, and translated into experiments of ours."""

from __future__ import annotations

from nnabla_nas.config.dialects.recognition import is_later_dialect, is_yaml
from nnabla_nas.config.dialects.translation import Translation, translate
from nnabla_nas.config.dialects.yaml_folder import read_yaml

__all__ = ["Translation", "is_later_dialect", "is_yaml", "read_yaml", "translate"]
