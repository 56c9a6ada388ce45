"""Reading a study: the JSON file, then the command line; all faults together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from nnabla_nas.config.faults import Path, Sources
from nnabla_nas.config.reading import read_object
from nnabla_nas.config.validation import fault_of
from nnabla_nas.errors import printable
from nnabla_nas.study.relations import relation_faults
from nnabla_nas.study.study import StudyFile

_NEEDED = {
    "experiments": "an object: a name of your choice → an object with 'file'",
    "file": "the path of the experiment's JSON file",
}


def read_study(path: str, flags: Mapping[str, Any] | None = None) -> StudyFile:
    """Read and check the file of a study; the experiments it names are not read yet.

    Args:
        path: the JSON file.
        flags: values of the command line, which win over the file's, by key.

    Raises:
        InputError: with one line per fault, all faults together.
    """
    file = printable(path)
    values, faults = read_object(path, file)
    values |= flags or {}
    try:
        study = StudyFile.model_validate(values)
    except ValidationError as error:
        faults += [fault_of(one, _keys, _NEEDED) for one in error.errors(include_url=False)]
        Sources(file).check(faults)
        raise
    Sources(file).check([*faults, *relation_faults(study)])
    return study


def _keys(path: Path) -> list[str]:
    """Return the keys of the object at `path`."""
    model: type[BaseModel] = StudyFile
    for key in path:
        field = model.model_fields.get(str(key))
        # Below `experiments` stands a name of the user's choice.
        if field is not None:
            model = _model(field.annotation) or model
    return list(model.model_fields)


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model(one))), None)
