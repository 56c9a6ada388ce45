"""The command line of a tool."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from nnabla_nas.errors import InputError


class ToolParser(argparse.ArgumentParser):
    """Parses the arguments behind a tool's name; what is wrong with them is one line.

    Args:
        name: the tool's name.
        description: what `--help` says.
        epilog: what it says in the end.
    """

    def __init__(self, name: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=f"python -m nnabla_nas {name}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def add_context(self) -> None:
        """Add the flag that says what to compute on."""
        self.add_argument(
            "-c",
            "--context",
            choices=("auto", "cudnn", "cuda", "cpu"),
            help="what to compute on (default: as the experiment says)",
        )

    def add_allow_imports(self) -> None:
        """Add the flag that lets a run's folder name modules to import."""
        self.add_argument(
            "--allow-imports",
            action="store_true",
            help="import the modules that the folder's config.json names, which runs them",
        )

    def parse(self, argv: Any) -> argparse.Namespace:
        """Return the arguments.

        Args:
            argv: what stands behind the tool's name.

        Raises:
            InputError: if they are wrong.
            SystemExit: after `--help` has been printed.
        """
        return self.parse_args(list(argv))

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong as an error for the user.

        Args:
            message: argparse's words.
        """
        raise InputError(f"{self.prog}: {message}")
