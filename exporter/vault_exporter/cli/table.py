"""The table of commands. A command's file is imported only when the command runs, or for the help of all."""

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

from vault_exporter import __version__
from vault_exporter.cli.usage import EXIT_STATUSES, Group

__all__ = ["COMMANDS", "assembled"]

COMMANDS: Final = (
    "serve",
    "check",
    "status",
    "policy",
    "doctor",
    "replay",
    "rules",
    "metrics",
    "collectors",
    "schema",
    "dashboard",
    "healthcheck",
    "demo",
)
"""All commands in the order of the help. A command is the function of its name, in the file of its name."""


def assembled(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line: with one command if the arguments begin with its name, otherwise with all."""
    made = typer.Typer(
        name="vault-exporter",
        cls=Group,
        epilog=EXIT_STATUSES,
        no_args_is_help=True,
        # Typer's tracebacks would print the values of variables, including tokens.
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback(invoke_without_command=True)(version)
    for name in tuple(arguments[:1]) if arguments[:1] and arguments[0] in COMMANDS else COMMANDS:
        made.command(name)(getattr(import_module(f"vault_exporter.cli.{name}"), name))
    return made


def version(
    *,
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Prometheus exporter for HashiCorp Vault and OpenBao."""
    if show:
        typer.echo(f"vault-exporter {__version__}")
        raise typer.Exit
