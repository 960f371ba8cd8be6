"""The command ``vault-exporter``."""

import enum
import http.client
import os
import sys
from pathlib import Path
from typing import Annotated, Never

import typer
from rich.console import Console

from vault_exporter import __version__, describe, logs, serve
from vault_exporter.catalogue import FAMILIES
from vault_exporter.config.load import ConfigError, Flags, load, load_listen
from vault_exporter.config.model import Config

__all__ = ["main"]

_FAILED = 1

app = typer.Typer(
    name="vault-exporter",
    no_args_is_help=True,
    # Its tracebacks would show the values of variables, tokens among them.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class CatalogueFormat(enum.StrEnum):
    """How ``metrics`` prints the catalogue."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="VAULT_EXPORTER_CONFIG", metavar="FILE", help="YAML file; see docs/configuration.md."
    ),
]
ListenOption = Annotated[
    str | None,
    typer.Option(
        envvar="VAULT_EXPORTER_LISTEN", metavar="[HOST]:PORT", help="Where to serve metrics.", show_default=":9410"
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The one node to scrape, instead of BAO_ADDR or VAULT_ADDR."),
]
TokenFileOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File with the token for --address; read again when it changes.")
]
NamespaceOption = Annotated[str | None, typer.Option(metavar="NAME", help="Namespace of that token.")]
AuditLogOption = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="Audit log to follow; may be given several times.")
]
FromStartOption = Annotated[
    bool, typer.Option("--audit-from-start", help="Count what the audit logs already hold, too.")
]


@app.command("serve")
def serve_command(
    config: ConfigOption = None,
    listen: ListenOption = None,
    address: AddressOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    audit_log: AuditLogOption = None,
    *,
    audit_from_start: FromStartOption = False,
    log_format: Annotated[logs.LogFormat, typer.Option(help="How log lines look.")] = logs.LogFormat.LOGFMT,
    log_level: Annotated[logs.LogLevel, typer.Option(help="Least important messages to log.")] = logs.LogLevel.INFO,
) -> None:
    """Serve metrics until told to stop (SIGTERM or Ctrl-C)."""
    flags = _flags(listen, address, token_file, namespace, audit_log, audit_from_start=audit_from_start)
    settings = _load(config, flags)
    logs.configure(log_format, log_level)
    try:
        serve.run(settings)
    except serve.ListenError as error:
        _fail(str(error))


@app.command()
def check(
    config: ConfigOption = None,
    listen: ListenOption = None,
    address: AddressOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    audit_log: AuditLogOption = None,
    *,
    audit_from_start: FromStartOption = False,
) -> None:
    """Check the configuration and report everything that is wrong with it; nothing is contacted."""
    flags = _flags(listen, address, token_file, namespace, audit_log, audit_from_start=audit_from_start)
    settings = _load(config, flags)
    typer.echo(
        f"The configuration is good: listen on {settings.listen}, targets: "
        f"{', '.join(target.name for target in settings.targets) or 'none'}, "
        f"audit logs: {', '.join(map(str, settings.audit.logs)) or 'none'}."
    )


@app.command()
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


@app.command()
def healthcheck(config: ConfigOption = None, listen: ListenOption = None) -> None:
    """Ask the exporter that runs on this machine whether it is healthy; for a container's health check."""
    try:
        where = load_listen(config, Flags(listen=listen))
    except ConfigError as error:
        _fail(str(error))
    connection = http.client.HTTPConnection(
        {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(where.host, where.host),  # noqa: S104 - compared
        where.port,
        timeout=3,
    )
    try:
        connection.request("GET", "/-/healthy")
        status = connection.getresponse().status
    except OSError as error:
        _fail(f"vault-exporter does not answer on {where}: {error.strerror or error}")
    if status != http.client.OK:
        _fail(f"vault-exporter answers HTTP {status} on {where}")


@app.command()
def demo(
    duration: Annotated[
        float | None, typer.Option(min=5, metavar="SECONDS", help="End by itself after so long, and judge what it saw.")
    ] = None,
) -> None:
    """Run a local OpenBao with traffic and an audit log, the exporter, and Prometheus where it is installed."""
    from vault_exporter.demo.stack import run  # noqa: PLC0415 - only here are the parts of a demo needed

    raise typer.Exit(run(duration))


@app.callback(invoke_without_command=True)
def version(
    *,
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Prometheus exporter for HashiCorp Vault and OpenBao."""
    if show:
        typer.echo(f"vault-exporter {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    app()


def _flags(
    listen: str | None,
    address: str | None,
    token_file: Path | None,
    namespace: str | None,
    audit_log: list[Path] | None,
    *,
    audit_from_start: bool,
) -> Flags:
    return Flags(
        listen=listen,
        address=address,
        token_file=str(token_file) if token_file else None,
        namespace=namespace,
        audit_logs=tuple(map(str, audit_log or ())),
        audit_from_start=audit_from_start,
    )


def _load(config: Path | None, flags: Flags) -> Config:
    try:
        return load(config, flags, os.environ)
    except ConfigError as error:
        _fail(str(error))


def _fail(message: str) -> Never:
    sys.stderr.write(f"{message}\n")
    raise typer.Exit(_FAILED)
