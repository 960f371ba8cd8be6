"""Output formats and the console of commands that print tables."""

import enum
import sys
from typing import Annotated, Final

import typer
from rich.console import Console

__all__ = ["CatalogueFormat", "FormatOption", "console"]

_PIPED_WIDTH: Final = 160


class CatalogueFormat(enum.StrEnum):
    """Output format of a table."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


FormatOption = Annotated[CatalogueFormat, typer.Option("--format", help="Output format.")]


def console() -> Console:
    """Return a console as wide as the terminal; without one, wide enough for the longest names."""
    return Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
