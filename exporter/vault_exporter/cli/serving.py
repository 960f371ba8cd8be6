"""The commands that run the exporter, and that look at what it would run with."""

import http.client
from typing import Annotated

import typer

from vault_exporter import logs
from vault_exporter import serve as server
from vault_exporter.cli.options import (
    AddressOption,
    AuditLogOption,
    ConfigOption,
    FromStartOption,
    ListenOption,
    NamespaceOption,
    TokenFileOption,
    fail,
    flags,
    load_config,
)
from vault_exporter.config.load import ConfigError, Flags, load_listen

__all__ = ["check", "healthcheck", "serve"]


def serve(
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
    given = flags(listen, address, token_file, namespace, audit_log, audit_from_start=audit_from_start)
    settings = load_config(config, given)
    logs.configure(log_format, log_level)
    try:
        server.run(settings)
    except server.ListenError as error:
        fail(str(error))


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
    given = flags(listen, address, token_file, namespace, audit_log, audit_from_start=audit_from_start)
    settings = load_config(config, given)
    typer.echo(
        f"The configuration is good: listen on {settings.listen}, targets: "
        f"{', '.join(target.name for target in settings.targets) or 'none'}, "
        f"audit logs: {', '.join(map(str, settings.audit.logs)) or 'none'}."
    )


def healthcheck(config: ConfigOption = None, listen: ListenOption = None) -> None:
    """Ask the exporter that runs on this machine whether it is healthy; for a container's health check."""
    try:
        where = load_listen(config, Flags(listen=listen))
    except ConfigError as error:
        fail(str(error))
    connection = http.client.HTTPConnection(
        {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(where.host, where.host),  # noqa: S104 - compared
        where.port,
        timeout=3,
    )
    try:
        connection.request("GET", "/-/healthy")
        status = connection.getresponse().status
    except OSError as error:
        fail(f"vault-exporter does not answer on {where}: {error.strerror or error}")
    if status != http.client.OK:
        fail(f"vault-exporter answers HTTP {status} on {where}")
