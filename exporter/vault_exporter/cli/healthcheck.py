"""The command ``healthcheck``, for a container's health check."""

import asyncio
import errno
import os
from typing import Final

import aiohttp

from vault_exporter.checks import ConfigError, Flags, load_listen
from vault_exporter.cli.options import ConfigOption, ListenOption, WebConfigOption, fail
from vault_exporter.config.schema.model import Listen
from vault_exporter.config.schema.web import Web

__all__ = ["healthcheck"]

_ALIVE: Final = frozenset({200, 401, 403, 429})
"""Statuses of a running exporter: healthy, or authentication required."""
_HEALTH_SECONDS: Final = 3.0
_HUNG_UP: Final = frozenset({errno.ECONNRESET, errno.EPIPE})


def healthcheck(
    config: ConfigOption = None, listen: ListenOption = None, web_config_file: WebConfigOption = None
) -> None:
    """Check the health of the exporter on this machine, for a container's health check."""
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
        # It runs and requires a client certificate. With TLS 1.3 the connection closes only after the handshake.
        hung_up = isinstance(error, (aiohttp.ClientSSLError, aiohttp.ServerDisconnectedError)) or number in _HUNG_UP
        if web.tls_server_config is not None and web.knows_clients and hung_up:
            return
        what = "not in time" if isinstance(error, TimeoutError) else os.strerror(number) if number else "not with HTTP"
        fail(
            f"vault-exporter does not answer on {where}: {what}; "
            "give the --config or --web.listen-address that it runs with"
        )
    if status not in _ALIVE:
        fail(f"vault-exporter answers HTTP {status} on {where}")


async def _ask(where: Listen, web: Web) -> int:
    """Request the health endpoint, within three seconds in total."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(where.host, where.host)  # noqa: S104 - compared
    authority = f"[{host}]" if ":" in host else host
    scheme = "https" if web.tls_server_config is not None else "http"
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_HEALTH_SECONDS)) as session,
        # The connection is local and carries no secret, so the certificate is not verified.
        session.get(f"{scheme}://{authority}:{where.port}/-/healthy", ssl=False) as response,
    ):
        return response.status
