"""The command ``metrics``."""

import typer

from vault_exporter.cli.printing import CatalogueFormat, FormatOption, console
from vault_exporter.metrics import describe
from vault_exporter.metrics.catalogue import FAMILIES

__all__ = ["metrics"]


def metrics(fmt: FormatOption = CatalogueFormat.TABLE) -> None:
    """Print all metrics of the exporter."""
    match fmt:
        case CatalogueFormat.TABLE:
            describe.print_table(FAMILIES, console())
        case CatalogueFormat.MARKDOWN:
            typer.echo(describe.as_markdown(FAMILIES), nl=False)
        case CatalogueFormat.JSON:
            typer.echo(describe.as_json(FAMILIES))
