"""How the commands that print tables of the product print: formats, and a console that is wide enough."""

import enum
import sys
from typing import Annotated, Final

import typer
from rich.console import Console

__all__ = ["CatalogueFormat", "FormatOption", "console"]

_PIPED_WIDTH: Final = 160


class CatalogueFormat(enum.StrEnum):
    """How the commands print."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


FormatOption = Annotated[CatalogueFormat, typer.Option("--format", help="How to print.")]


def console() -> Console:
    """Return a console as wide as the terminal; without one, wide enough for the longest names."""
    return Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
