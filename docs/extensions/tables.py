"""Tables that are read from the package: keys of an experiment, flags, registered names."""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from docutils import nodes
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from nnabla_nas import registry
from nnabla_nas.cli import build_parser
from nnabla_nas.config.annotation import described
from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.parameter import Parameter, parameters
from nnabla_nas.config.phases import PhaseSettings

Row = Sequence[str]


class _Table(SphinxDirective):
    """A directive whose result is a table; the cells are Markdown."""

    headings: Row = ()
    widths: Sequence[int] = ()

    def table(self, rows: Iterable[Row]) -> nodes.table:
        group = nodes.tgroup(cols=len(self.headings))
        group += [nodes.colspec(colwidth=width) for width in self.widths]
        head, body = nodes.thead(), nodes.tbody()
        head += self._row(self.headings)
        for row in rows:
            body += self._row(row)
        group += [head, body]
        table = nodes.table()
        table += group
        return table

    def _row(self, cells: Row) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            entry = nodes.entry()
            entry += self.parse_text_to_nodes(cell)
            row += entry
        return row


class ExperimentKeys(_Table):
    """The keys of an experiment, or those of one of its optimizers."""

    headings = ("key", "default", "allowed", "meaning")
    widths = (18, 14, 28, 40)
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        model = PhaseSettings if self.arguments == ["optimizer"] else Experiment
        said = _arguments(model)
        rows = [
            (f"`{name}`", _default(field, said.get(name, "")), _allowed(field), said.get(name, ""))
            for name, field in model.model_fields.items()
        ]
        silent = [row[0] for row in rows if not row[3].strip()]
        if silent:
            raise self.error(f"keys that the docstring lacks: {', '.join(silent)}")
        return [self.table(rows)]


class Flags(_Table):
    """The flags of a run."""

    headings = ("flag", "meaning")
    widths = (35, 65)

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        actions = build_parser()._actions
        return [self.table((_flag(action), action.help or "") for action in actions)]


class Registered(_Table):
    """Every name of a registry, with the arguments of the classes behind it."""

    headings = ("argument", "default", "allowed", "meaning")
    widths = (20, 16, 28, 36)
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a section per name."""
        names = getattr(registry, self.arguments[0])
        return [node for name in names.names() for node in self._entry(names.entry(name))]

    def _entry(self, entry: registry.Entry) -> list[nodes.Node]:
        heading = self.parse_text_to_nodes(f"**`{entry.name}`**: {entry.summary}.")
        target, only_keywords = entry.load(), self.arguments[0] in ("runners", "evaluators")
        classes = [getattr(target, name, None) for name in ("SearchNet", "TrainNet")]
        tables = []
        for one in [c for c in classes if c is not None] or [target]:
            known = parameters(one, keyword_only=only_keywords)
            if one is not target:
                tables += self.parse_text_to_nodes(f"`{one.__name__}`:")
            if known:
                said = _arguments(one)
                tables.append(
                    self.table(_argument(p, said.get(name, "")) for name, p in known.items())
                )
        return [*heading, *tables]


def _argument(parameter: Parameter, meaning: str) -> Row:
    default = "required" if parameter.required else f"`{_json(parameter.default)}`"
    return (f"`{parameter.name}`", default, described(parameter.annotation), meaning)


def _arguments(target: Any) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say about its arguments."""
    said: dict[str, str] = {}
    for cls in reversed(inspect.getmro(target)):
        section = re.search(r"\nArgs:\n(.*?)(\n\S|\Z)", inspect.cleandoc(cls.__doc__ or ""), re.S)
        entries = re.split(r"\n    (?=\w)", f"\n{section[1]}") if section else []
        for entry in entries[1:]:
            name, _, meaning = " ".join(entry.split()).partition(": ")
            if meaning != "see there.":
                said[name] = meaning
    return said


def _flag(action: argparse.Action) -> str:
    names = " ".join(f"`{name}`" for name in action.option_strings)
    return f"{names} *{action.metavar}*" if action.metavar else names


def _default(field: FieldInfo, meaning: str) -> str:
    # What depends on other keys is told in the meaning.
    if field.default_factory or "by default" in meaning:
        return ""
    return "required" if field.is_required() else f"`{_json(field.default)}`"


def _allowed(field: FieldInfo) -> str:
    """Return what the program itself says when it refuses a value."""
    if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel):
        return f"an object with {', '.join(map(repr, field.annotation.model_fields))}"
    kind = TypeAdapter(_annotation(field))
    try:
        kind.validate_python(object())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "fault":
            return first["msg"]
    return described(_annotation(field))


def _annotation(field: FieldInfo) -> Any:
    metadata = tuple(field.metadata)
    return Annotated[(field.annotation, *metadata)] if metadata else field.annotation


def _json(value: Any) -> str:
    if hasattr(value, "to_json"):
        value = value.to_json()
    return json.dumps(value, default=str)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives.

    Args:
        app: the application.
    """
    app.add_directive("experiment-keys", ExperimentKeys)
    app.add_directive("flags", Flags)
    app.add_directive("registered", Registered)
    return {"parallel_read_safe": True}
