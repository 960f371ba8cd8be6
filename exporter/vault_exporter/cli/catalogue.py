"""The commands that print what the exporter knows of: metrics and collectors."""

import enum
import sys
from typing import Annotated, Final

import typer
from rich.console import Console

from vault_exporter.metrics import describe
from vault_exporter.metrics.catalogue import FAMILIES
from vault_exporter.scrape.collectors import COLLECTORS
from vault_exporter.scrape.collectors import describe as describe_collectors

__all__ = ["collectors", "metrics"]


class CatalogueFormat(enum.StrEnum):
    """How the commands print."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


_PIPED_WIDTH: Final = 160

_Format = Annotated[CatalogueFormat, typer.Option("--format", help="How to print.")]


def metrics(fmt: _Format = CatalogueFormat.TABLE) -> None:
    """Print every metric that the exporter publishes."""
    match fmt:
        case CatalogueFormat.TABLE:
            describe.print_table(FAMILIES, _console())
        case CatalogueFormat.MARKDOWN:
            typer.echo(describe.as_markdown(FAMILIES), nl=False)
        case CatalogueFormat.JSON:
            typer.echo(describe.as_json(FAMILIES))


def collectors(fmt: _Format = CatalogueFormat.TABLE) -> None:
    """Print every collector: whether it runs by default, whom it asks, and what its token must be granted."""
    match fmt:
        case CatalogueFormat.TABLE:
            describe_collectors.print_table(COLLECTORS, _console())
        case CatalogueFormat.MARKDOWN:
            typer.echo(describe_collectors.as_markdown(COLLECTORS), nl=False)
        case CatalogueFormat.JSON:
            typer.echo(describe_collectors.as_json(COLLECTORS))


def _console() -> Console:
    """As wide as the terminal; without one, wide enough for the longest names."""
    return Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
