"""The exporter in the test's own event loop, on its real socket."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from vault_exporter.app import Exporter
from vault_exporter.config.schema.model import Config


@dataclass(frozen=True)
class Served:
    exporter: Exporter
    server: web.Server

    @property
    def port(self) -> int:
        return self.exporter.listener.port

    def url(self, path: str, tls: ssl.SSLContext | None = None) -> str:
        return f"{'https' if tls else 'http'}://localhost:{self.port}{path}"

    def look(self) -> None:
        self.exporter.connections.look(self.exporter.guard.is_outdated)


@contextlib.asynccontextmanager
async def serving(config: Config, **settings: Any) -> AsyncIterator[Served]:
    exporter = Exporter(config, **settings)
    runner = web.AppRunner(exporter.app, shutdown_timeout=1)
    await runner.setup()
    try:
        assert runner.server is not None
        await exporter.listener.start(runner.server, "localhost", 0)
        yield Served(exporter, runner.server)
    finally:
        await exporter.listener.close()
        await runner.cleanup()
        exporter.connections.abort()


async def ask(
    served: Served, path: str = "/", auth: str = "", tls: ssl.SSLContext | None = None
) -> tuple[int, str, dict[str, str]]:
    connector = aiohttp.TCPConnector(ssl=tls or True)
    headers = {"Authorization": auth} if auth else {}
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(served.url(path, tls), headers=headers) as response,
    ):
        return response.status, await response.text(), dict(response.headers)
