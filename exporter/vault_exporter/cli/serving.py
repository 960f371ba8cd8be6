"""The commands that run the exporter, and that look at what it would run with."""

import asyncio
import errno
import os
from typing import Annotated, Final

import aiohttp
import typer

from vault_exporter import serve as server
from vault_exporter.audit.tail.lock import LockedError
from vault_exporter.checks import ConfigError, Flags, load, load_listen
from vault_exporter.cli.looking import check_online
from vault_exporter.cli.options import (
    AddressOption,
    AuditLogOption,
    CheckpointOption,
    ConfigOption,
    FromStartOption,
    ListenOption,
    NamespaceOption,
    TokenFileOption,
    WebConfigOption,
    fail,
    flags,
    load_config,
)
from vault_exporter.config.schema import inputs
from vault_exporter.config.schema.model import Listen
from vault_exporter.config.schema.web import Web
from vault_exporter.util import logging as logs

__all__ = ["check", "healthcheck", "serve"]

_ALIVE: Final = frozenset({200, 401, 403, 429})
_HEALTH_SECONDS: Final = 3.0
_IN_USE: Final = 2
"""Exit status where another exporter uses the checkpoint: starting again does not help."""
_HUNG_UP: Final = frozenset({errno.ECONNRESET, errno.EPIPE})
"""Answers of a living exporter: healthy, or asking who we are first."""


def serve(
    config: ConfigOption = None,
    listen: ListenOption = None,
    address: AddressOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    audit_log: AuditLogOption = None,
    *,
    web_config_file: WebConfigOption = None,
    audit_from_start: FromStartOption = False,
    audit_checkpoint: CheckpointOption = None,
    log_format: Annotated[logs.LogFormat, typer.Option(help="How log lines look.")] = logs.LogFormat.LOGFMT,
    log_level: Annotated[logs.LogLevel, typer.Option(help="Least important messages to log.")] = logs.LogLevel.INFO,
) -> None:
    """Serve metrics until told to stop (SIGTERM or Ctrl-C)."""
    given = flags(
        listen,
        address,
        token_file,
        namespace,
        audit_log,
        web_config_file=web_config_file,
        audit_from_start=audit_from_start,
        audit_checkpoint=audit_checkpoint,
    )
    settings = load_config(config, given)
    logs.configure(log_format, log_level)
    try:
        server.run(settings, lambda: load(config, given, os.environ))
    except (server.ListenError, ConfigError) as error:
        fail(str(error))
    except LockedError as error:
        fail(str(error), _IN_USE)


def check(
    config: ConfigOption = None,
    listen: ListenOption = None,
    address: AddressOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    audit_log: AuditLogOption = None,
    *,
    web_config_file: WebConfigOption = None,
    audit_from_start: FromStartOption = False,
    audit_checkpoint: CheckpointOption = None,
    online: Annotated[
        bool, typer.Option("--online", help="Also connect to the targets, log in, and ask what the token may do.")
    ] = False,
) -> None:
    """Check the configuration and report everything that is wrong with it; without --online nothing is contacted."""
    given = flags(
        listen,
        address,
        token_file,
        namespace,
        audit_log,
        web_config_file=web_config_file,
        audit_from_start=audit_from_start,
        audit_checkpoint=audit_checkpoint,
    )
    settings = load_config(config, given)
    targets = [target.name for target in settings.targets] or ["none listed" if settings.discovery else "none"]
    discovery = f"discovery: {', '.join(map(str, settings.discovery))}, " if settings.discovery else ""
    audit = (*map(str, settings.audit.logs), *map(inputs.name, settings.audit.inputs))
    typer.echo(
        f"The configuration is good: listen on {settings.listen}, targets: {', '.join(targets)}, {discovery}"
        f"audit logs: {', '.join(audit) or 'none'}."
    )
    if online:
        check_online(settings)


def healthcheck(
    config: ConfigOption = None, listen: ListenOption = None, web_config_file: WebConfigOption = None
) -> None:
    """Ask the exporter that runs on this machine whether it is healthy; for a container's health check."""
    try:
        where, web = load_listen(
            config, Flags(listen=listen, web_config_file=str(web_config_file) if web_config_file else None)
        )
    except ConfigError as error:
        fail(str(error))
    try:
        status = asyncio.run(_ask(where, web))
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        number = getattr(error, "errno", None)
        # It lives, and wants a client certificate: with TLS 1.3 the connection ends only after the handshake.
        hung_up = isinstance(error, (aiohttp.ClientSSLError, aiohttp.ServerDisconnectedError)) or number in _HUNG_UP
        if web.tls_server_config is not None and web.knows_clients and hung_up:
            return
        what = "not in time" if isinstance(error, TimeoutError) else os.strerror(number) if number else "not with HTTP"
        fail(f"vault-exporter does not answer on {where}: {what}; give the --config or --listen that it runs with")
    if status not in _ALIVE:
        fail(f"vault-exporter answers HTTP {status} on {where}")


async def _ask(where: Listen, web: Web) -> int:
    """Ask the exporter on this machine, within three seconds in all."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(where.host, where.host)  # noqa: S104 - compared
    authority = f"[{host}]" if ":" in host else host
    scheme = "https" if web.tls_server_config is not None else "http"
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_HEALTH_SECONDS)) as session,
        # It asks itself whether it lives, which is no secret, so its certificate does not matter.
        session.get(f"{scheme}://{authority}:{where.port}/-/healthy", ssl=False) as response,
    ):
        return response.status
