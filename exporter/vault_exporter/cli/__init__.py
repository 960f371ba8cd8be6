"""The command line ``vault-exporter``. Each command has its own file; this one lists them."""

from typing import Annotated, Final

import typer

from vault_exporter import __version__
from vault_exporter.cli.check import check
from vault_exporter.cli.collectors import collectors
from vault_exporter.cli.dashboard import dashboard
from vault_exporter.cli.demo import demo
from vault_exporter.cli.healthcheck import healthcheck
from vault_exporter.cli.metrics import metrics
from vault_exporter.cli.policy import policy
from vault_exporter.cli.replay import replay
from vault_exporter.cli.rules import rules
from vault_exporter.cli.serve import serve
from vault_exporter.cli.status import status

__all__ = ["app", "main"]

_COMMANDS: Final = (serve, check, status, policy, replay, rules, metrics, collectors, dashboard, healthcheck, demo)
"""All commands in the order of the help. The name of a function is the name of its command."""


def version(
    *,
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Prometheus exporter for HashiCorp Vault and OpenBao."""
    if show:
        typer.echo(f"vault-exporter {__version__}")
        raise typer.Exit


def _assembled() -> typer.Typer:
    made = typer.Typer(
        name="vault-exporter",
        no_args_is_help=True,
        # Typer's tracebacks would print the values of variables, including tokens.
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback(invoke_without_command=True)(version)
    for command in _COMMANDS:
        made.command()(command)
    return made


app: Final = _assembled()


def main() -> None:
    """Run the command line."""
    app()
