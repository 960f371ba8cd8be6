"""The command that prints the catalogue of metrics."""

import enum
from typing import Annotated

import typer
from rich.console import Console

from vault_exporter import describe
from vault_exporter.catalogue import FAMILIES

__all__ = ["metrics"]


class CatalogueFormat(enum.StrEnum):
    """How ``metrics`` prints the catalogue."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


def metrics(
    fmt: Annotated[CatalogueFormat, typer.Option("--format", help="How to print.")] = CatalogueFormat.TABLE,
) -> None:
    """Print every metric that the exporter publishes."""
    match fmt:
        case CatalogueFormat.TABLE:
            describe.print_table(FAMILIES, Console())
        case CatalogueFormat.MARKDOWN:
            typer.echo(describe.as_markdown(FAMILIES), nl=False)
        case CatalogueFormat.JSON:
            typer.echo(describe.as_json(FAMILIES))
