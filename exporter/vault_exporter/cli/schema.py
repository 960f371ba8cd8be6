"""The command ``schema``."""

import json

import typer

from vault_exporter.config.json_schema import json_schema

__all__ = ["schema"]


def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    typer.echo(json.dumps(json_schema(), indent=2))
