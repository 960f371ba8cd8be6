"""The HTTP endpoints."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from aiohttp import web

from vault_exporter.audit.commits import CommittedPage
from vault_exporter.audit.inputs import http
from vault_exporter.audit.inputs.service import InputReader
from vault_exporter.audit.service import AuditService
from vault_exporter.config.schema.model import Config
from vault_exporter.config.schema.shard import Shard
from vault_exporter.metrics.exposition import Format, add_label, negotiate, render
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.backup import BackupFiles
from vault_exporter.scrape.scraper import Scrape
from vault_exporter.targets.manager import Targets
from vault_exporter.web import top
from vault_exporter.web.auth import Guard, is_from_another_site
from vault_exporter.web.background import Background
from vault_exporter.web.connections import Connections
from vault_exporter.web.exposition import TIMEOUT_HEADER, deadline, exposition, unread_seconds
from vault_exporter.web.pack import PackPages
from vault_exporter.web.runbooks import RunbookPages
from vault_exporter.web.sd import authority, service_discovery
from vault_exporter.web.status.pages import StatusPages
from vault_exporter.web.status.running import Reload
from vault_exporter.web.top import TopPage

__all__ = ["Routes", "Running"]

_MANY_SAMPLES: Final = 4000
"""Pages with more samples are rendered in a thread, so that the event loop stays responsive."""
_LARGE_BYTES: Final = 256 << 10
"""Larger pages get their label in a thread, likewise."""
_BACKUP_SECONDS: Final = 5.0
"""Time limit for the look at backup files if the client does not name its timeout."""
_SAMPLES_WEIGHT: Final = 6
"""Memory of a page with its samples, which are kept until Prometheus has received it, as a multiple of the page."""


class Running(Protocol):
    """The parts of the exporter that the endpoints need.

    Attributes:
        config: the configuration in force.
        stopping: whether it is shutting down.
        reading: the background tasks.
        reloaded: the last reading of the configuration.
        started: Unix time of the start, in seconds.
    """

    config: Config
    stopping: bool
    reading: Background
    reloaded: Reload
    started: float

    async def reload(self) -> bool:
        """Reload the configuration; return False if it is invalid."""

    def samples(self) -> Iterator[Sample]:
        """Yield the exporter's own samples."""

    def process(self, fmt: Format) -> bytes:
        """Render the metrics of the process."""


class Routes:
    """The handlers of the endpoints. The guard has already allowed the request.

    Attributes:
        status: the pages for people.
    """

    def __init__(
        self,
        running: Running,
        targets: Targets,
        audit: AuditService,
        audit_inputs: InputReader,
        guard: Guard,
        connections: Connections,
        clock: Callable[[], float],
    ) -> None:
        self._running = running
        self._targets = targets
        self._audit = audit
        self._inputs = audit_inputs
        self._connections = connections
        self._top = TopPage(audit.pipeline, guard)
        self._runbooks = RunbookPages(guard)
        self._pack = PackPages(guard)
        self._backups = BackupFiles()
        self.status = StatusPages(running, targets, audit, audit_inputs, guard, self._top, clock)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the endpoints."""
        router.add_get("/metrics", self._metrics)
        router.add_get("/probe", self._probe)
        router.add_get("/sd", self._sd)
        router.add_get("/-/healthy", self._healthy)
        router.add_get("/-/ready", self._ready)
        router.add_post("/-/reload", self._reload)
        router.add_get(top.PATH, self._top.handle)
        self._runbooks.add_to(router)
        self._pack.add_to(router)
        self.status.add_to(router)
        if (endpoint := self._inputs.endpoint) is not None:
            router.add_post(http.PATH, endpoint.handle)

    async def _metrics(self, request: web.Request) -> web.Response:
        """Serve the metrics of the exporter and the audit logs, and of the target if there is exactly one."""
        fmt = negotiate(request.headers.get("Accept"))
        header = request.headers.get(TIMEOUT_HEADER)
        is_scrape = header is not None and request.method == "GET"  # a response to HEAD has no samples
        loop = asyncio.get_running_loop()
        by = loop.time() + unread_seconds(header)
        scrape, backups = await asyncio.gather(
            self._scrape_only(header),
            self._backups.samples(self._running.config.backup, deadline(header, _BACKUP_SECONDS)),
        )
        seen: CommittedPage | None = None
        completely = False
        try:
            async with self._connections.making_page():
                target = await _rendered(scrape, fmt) if scrape is not None else b""
                # Only Prometheus' scrapes move the audit checkpoint, not people who look at the page.
                if is_scrape:
                    seen = await self._audit.scrape(self._inputs.samples())
                audit = (*self._audit.samples(), *self._inputs.samples()) if seen is None else seen.samples
                own = render([*self._running.samples(), *audit, *backups], fmt)
                body = own + target + self._running.process(fmt)
                if (cluster := self._running.config.cluster) is not None:
                    body = await _of_cluster(body, cluster)
                response = await exposition(request, fmt, body)
            if seen is not None:
                completely = await self._connections.send(request, response, by - loop.time(), _SAMPLES_WEIGHT)
        finally:
            if seen is not None and completely:
                self._audit.acknowledge(seen)
        return response

    async def _scrape_only(self, header: str | None) -> Scrape | None:
        scraper = self._targets.only
        return None if scraper is None else await scraper.scrape(deadline(header, scraper.target.timeout))

    async def _probe(self, request: web.Request) -> web.Response:
        """Serve the metrics of one configured target, by name."""
        name = request.query.get("target", "")
        scraper = self._targets.get(name)
        if scraper is None and name and (other := self._targets.elsewhere(name)) is not None:
            return _of_another_shard(self._running.config.shard, other)
        if scraper is None and not self._targets.settled:
            return _not_yet()
        if scraper is None:
            # The answer does not quote the query, which is untrusted.
            names = ", ".join(scraper.target.name for scraper in self._targets) or "none"
            text = f"Ask for a configured target: /probe?target=NAME. Configured targets: {names}\n"
            return web.Response(status=400, text=text)
        fmt = negotiate(request.headers.get("Accept"))
        header = request.headers.get(TIMEOUT_HEADER)
        loop = asyncio.get_running_loop()
        by = loop.time() + unread_seconds(header)
        scrape = await scraper.scrape(deadline(header, scraper.target.timeout))
        async with self._connections.making_page():
            response = await exposition(request, fmt, await _rendered(scrape, fmt))
        await self._connections.send(request, response, by - loop.time())
        return response

    async def _sd(self, request: web.Request) -> web.Response:
        """Serve the targets to Prometheus. Until discovery is complete, an error makes Prometheus keep its targets."""
        if not self._targets.complete:
            return _not_yet()
        try:
            exporter = authority(request.headers.getall("Host", ()))
        except ValueError as error:
            text = f"The targets would be at what the Host header says, but that is {error}.\n"
            return web.Response(status=400, text=text)
        targets = (scraper.target for scraper in self._targets)
        return web.json_response(service_discovery(targets, exporter, request.scheme))

    async def _reload(self, request: web.Request) -> web.Response:
        if not self._running.config.web_enable_lifecycle:
            text = "Off. Set web_enable_lifecycle in the configuration to switch it on, or send SIGHUP.\n"
            return web.Response(status=403, text=text)
        if is_from_another_site(request):
            return web.Response(status=403, text="The request comes from a page of another site.\n")
        if await self._running.reload():
            return web.Response(text="The configuration was reloaded.\n")
        text = "The configuration is wrong, and the old one stays in force; the log says what is wrong.\n"
        return web.Response(status=500, text=text)

    async def _healthy(self, _: web.Request) -> web.Response:
        if self._running.reading.failed:
            # No names: the answer needs no password, and a name may hold a path.
            text = "A part of vault-exporter no longer runs. Restart it; the log has the error.\n"
            return web.Response(status=500, text=text)
        return web.Response(text="vault-exporter is healthy.\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self._targets.settled and not self._running.stopping:
            return web.Response(text="vault-exporter is ready.\n")
        return web.Response(status=503, text="vault-exporter is starting or stopping.\n")


def _of_another_shard(own: Shard | None, other: Shard) -> web.Response:
    # The answer does not quote the name, which is untrusted.
    text = f"Ask shard {other}: a target of this name belongs to it. This exporter is shard {own}.\n"
    return web.Response(status=421, text=text)


def _not_yet() -> web.Response:
    return web.Response(status=503, text="The targets are not all known yet.\n")


async def _of_cluster(body: bytes, cluster: str) -> bytes:
    if len(body) > _LARGE_BYTES:
        return await asyncio.to_thread(add_label, body, "cluster", cluster)
    return add_label(body, "cluster", cluster)


async def _rendered(scrape: Scrape, fmt: Format) -> bytes:
    if scrape.page is not None and scrape.page.samples > _MANY_SAMPLES:
        return await asyncio.to_thread(scrape.render, fmt)
    return scrape.render(fmt)
