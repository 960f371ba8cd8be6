"""The command ``collectors``."""

import typer

from vault_exporter.cli.printing import CatalogueFormat, FormatOption, console
from vault_exporter.config.schema.model import Telemetry
from vault_exporter.scrape.collectors import COLLECTORS, describe, telemetry

__all__ = ["collectors"]


def collectors(fmt: FormatOption = CatalogueFormat.TABLE) -> None:
    """Print all collectors: default, scope, and the policy rules that the token needs."""
    every = (*COLLECTORS, telemetry.collector(Telemetry()))
    match fmt:
        case CatalogueFormat.TABLE:
            describe.print_table(every, console())
        case CatalogueFormat.MARKDOWN:
            typer.echo(describe.as_markdown(every), nl=False)
        case CatalogueFormat.JSON:
            typer.echo(describe.as_json(every))
