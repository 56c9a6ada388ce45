"""Things an experiment names: a registered name with the options that belong to it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Named(BaseModel):
    """A registered name and its options: `"x"` or `{"name": "x", …}` in JSON.

    Args:
        name: the registered name.
        options: everything else in the object.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    name: str
    options: dict[str, Any] = {}

    def to_json(self) -> dict[str, Any]:
        """Return the object form."""
        return {"name": self.name, **self.options}


class Network(BaseModel):
    """The network: a search space and its arguments, one flat object in JSON.

    Args:
        search_space: the registered name of the space.
        arguments: everything else in the object.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    search_space: str
    arguments: dict[str, Any] = {}

    def to_json(self) -> dict[str, Any]:
        """Return the flat form."""
        return {"search_space": self.search_space, **self.arguments}
