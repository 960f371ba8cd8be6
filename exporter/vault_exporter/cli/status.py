"""The command ``status``."""

import time
from typing import Annotated

import typer
from rich.console import Console

from vault_exporter.checks import Flags
from vault_exporter.cli.diagnosis import describe_discovery, run_diagnosis
from vault_exporter.cli.options import AddressOption, ConfigOption, NamespaceOption, TokenFileOption, load_config
from vault_exporter.diagnose import status as report

__all__ = ["status"]


def status(
    config: ConfigOption = None,
    address: AddressOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show the state of every target.

    Exit status: 0 ok, 1 warning, 2 a node is down, sealed or has no leader, 3 wrong options or configuration.
    """
    file = str(token_file) if token_file else None
    settings = load_config(config, Flags(address=address, token_file=file, namespace=namespace))
    targets, discoveries = run_diagnosis(settings)
    now = time.time()
    if json:
        typer.echo(report.as_json(targets, now))
    else:
        report.print_table(targets, Console(), now)
    failed = [state for state in discoveries if state.error or state.dropped]
    for state in failed:
        typer.echo(describe_discovery(state), err=True)
    raise typer.Exit(max(report.worst(targets, now), report.Severity.WARNING if failed else report.Severity.OK))
