"""The exporter's HTTP endpoints, and the tasks that live as long as the server does."""

import asyncio
import gzip
import math
import platform
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Final

import msgspec
import prometheus_client
import structlog
from aiohttp import web
from prometheus_client import exposition, gc_collector, platform_collector, process_collector

from vault_exporter import __version__
from vault_exporter.audit import AuditService
from vault_exporter.audit.inputs import http
from vault_exporter.audit.inputs.service import InputReader
from vault_exporter.audit.service import Scraped
from vault_exporter.config.parse.problems import ConfigError
from vault_exporter.config.schema import inputs
from vault_exporter.config.schema.model import Config
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.exposition import EOF, Format, negotiate, render
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.backup import backup_samples
from vault_exporter.scrape.scraper import TargetScraper
from vault_exporter.targets.manager import Targets
from vault_exporter.web import page, top
from vault_exporter.web.auth import Guard, is_from_another_site
from vault_exporter.web.background import Background
from vault_exporter.web.connections import UNREAD_SECONDS, Connections, most_connections
from vault_exporter.web.listener import Listener
from vault_exporter.web.sd import authority, service_discovery
from vault_exporter.web.settings import SettingsFile
from vault_exporter.web.top import TopPage

__all__ = ["Exporter", "deadline"]

_log = structlog.get_logger(__name__)

TIMEOUT_HEADER: Final = "X-Prometheus-Scrape-Timeout-Seconds"

_MARGIN: Final = 0.5
"""Seconds of Prometheus' scrape timeout left for the way back."""
_LONGEST: Final = 120.0
"""No scrape takes longer, whatever a client asks for."""
_GZIP_FROM: Final = 1400
"""Smaller pages fit one packet as they are."""
_LARGE_BYTES: Final = 256 << 10
_MANY_SAMPLES: Final = 4000
"""From there on a thread makes the page, so that health checks and other scrapes are answered meanwhile."""
_AT_START: Final = ("listen", "web_config_file", "audit")
"""Keys that are looked at only when the exporter starts."""
_SAMPLES_WEIGHT: Final = 6
"""Memory of a page and its samples, which are held until Prometheus has received it, as a multiple of the page."""


def deadline(header: str | None, default: float) -> float:
    """Return the seconds a scrape may take: Prometheus' timeout less half a second, else the target's own.

    A timeout of a second or less keeps half for the scrape. A header that is no positive number is ignored.
    """
    seconds = _timeout(header)
    return default if seconds is None else min(max(seconds - _MARGIN, seconds / 2), _LONGEST)


class Exporter:
    """The running exporter: its targets, its audit reader, and its web application.

    ``app`` starts and ends everything with itself, inside the event loop that serves it.

    Attributes:
        app: the web application.
        stopping: whether it was told to stop.
        guard: who may ask.
        connections: those that are open.
        reading: the tasks beside it, which read logs and inputs; it is not healthy without one of them.
    """

    def __init__(self, config: Config, read: Callable[[], Config] | None = None) -> None:
        """Take what there is to do; nothing happens yet.

        Args:
            config: what the exporter was told.
            read: reads that anew, for :meth:`reload`; raises ConfigError.
        """
        self.stopping = False
        self._config = config
        self._read = read
        self._reloading = asyncio.Lock()
        self._reloaded = (True, time.time())
        self._targets = Targets()
        self._audit = AuditService(config.audit)
        if config.audit.exclude.own:
            self._audit.pipeline.leave_out(self._targets.entities)
        self._own = prometheus_client.CollectorRegistry()
        process_collector.ProcessCollector(registry=self._own)
        platform_collector.PlatformCollector(registry=self._own)
        gc_collector.GCCollector(registry=self._own)
        self._inputs = InputReader(config.audit, self._audit.pipeline)
        endpoint = self._inputs.endpoint
        settings = SettingsFile(config.web_config_file)
        self.guard = Guard(settings, own_credential=frozenset({http.PATH} if endpoint else ()))
        self.connections = Connections(most_connections())
        self.listener = Listener(settings, self.guard, self.connections)
        self.reading = Background()
        self.app = web.Application(middlewares=[self.connections.middleware, self.guard.middleware])
        self.app.on_response_prepare.append(self.guard.add_headers)
        self.app.cleanup_ctx.append(self._live)
        self.app.router.add_get("/", self._landing)
        self.app.router.add_get("/metrics", self._metrics)
        self.app.router.add_get("/probe", self._probe)
        self.app.router.add_get("/-/healthy", self._healthy)
        self.app.router.add_get("/-/ready", self._ready)
        self.app.router.add_get("/sd", self._sd)
        self.app.router.add_post("/-/reload", self._reload)
        self._top = TopPage(self._audit.pipeline, self.guard)
        self.app.router.add_get(top.PATH, self._top.handle)
        if endpoint is not None:
            self.app.router.add_post(http.PATH, endpoint.handle)

    async def reload(self) -> bool:
        """Read the configuration anew and swap it as a whole; keep the old one and return False if it is wrong."""
        async with self._reloading:
            try:
                config = await asyncio.to_thread(self._read) if self._read else self._config
            except ConfigError as error:
                for problem in error.problems:
                    _log.error("the configuration is wrong; the old one stays in force", problem=str(problem))
                self._reloaded = (False, self._reloaded[1])
                return False
            kept = {key: getattr(self._config, key) for key in _AT_START}
            for key, value in kept.items():
                if getattr(config, key) != value:
                    _log.warning("a change of this takes a restart", key=key)
            self._config = msgspec.structs.replace(config, **kept)
            await self._targets.apply(self._config)
            self._reloaded = (True, time.time())
            _log.info("the configuration was read anew", targets=len(self._targets))
            return True

    async def _live(self, _: web.Application) -> AsyncIterator[None]:
        if self._config.discovery:
            await self._targets.begin(self._config)
            self.reading.start("targets", self._discover())
        else:
            await self._targets.apply(self._config)
        await self._inputs.start()
        self.reading.start("audit logs", self._audit.run())
        self.reading.start("audit inputs", self._inputs.run())
        yield
        self.stopping = True
        await self.reading.cancel()
        await self._inputs.close()
        await self._targets.close()

    async def _discover(self) -> None:
        """Look for targets for the first time; those that hang must not keep the rest from being served."""
        async with self._reloading:
            await self._targets.apply(self._config)

    async def _metrics(self, request: web.Request) -> web.Response:
        """The exporter's own metrics, the audit logs', and the target's where there is exactly one."""
        fmt = negotiate(request.headers.get("Accept"))
        loop = asyncio.get_running_loop()
        by = loop.time() + _unread_seconds(request)
        target = b""
        if (scraper := self._targets.only) is not None:
            target = await _scraped(scraper, request, fmt)
        backups = await backup_samples(self._config.backup)
        seen: Scraped | None = None
        completely = False
        try:
            async with self.connections.making_page():
                # Only what Prometheus has received moves the audit checkpoint; people look as often as they like.
                if TIMEOUT_HEADER in request.headers:
                    seen = await self._audit.scrape(self._inputs.samples())
                audit = (*self._audit.samples(), *self._inputs.samples()) if seen is None else seen.samples
                own = render([*self._samples(), *audit, *backups], fmt)
                response = await _exposition(request, fmt, own + target + self._process(fmt))
            if seen is not None:
                completely = await self.connections.send(request, response, by - loop.time(), _SAMPLES_WEIGHT)
        finally:
            if seen is not None:
                self._audit.received(seen, completely=completely)
        return response

    async def _probe(self, request: web.Request) -> web.Response:
        """One configured target, by name."""
        scraper = self._targets.get(request.query.get("target", ""))
        if scraper is None and not self._targets.settled:
            return _not_yet()
        if scraper is None:
            # The answer does not repeat what was asked for: that is anyone's text.
            names = ", ".join(scraper.target.name for scraper in self._targets) or "none"
            return web.Response(
                status=400,
                text=f"Ask for a configured target: /probe?target=NAME. Configured targets: {names}\n",
            )
        fmt = negotiate(request.headers.get("Accept"))
        page = await _scraped(scraper, request, fmt)
        async with self.connections.making_page():
            return await _exposition(request, fmt, page)

    async def _sd(self, request: web.Request) -> web.Response:
        """The targets for Prometheus; an error while they are not all known yet makes it keep those it has."""
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
        if not self._config.web_enable_lifecycle:
            text = "Off. Set web_enable_lifecycle in the configuration to switch it on, or send SIGHUP.\n"
            return web.Response(status=403, text=text)
        if is_from_another_site(request):
            return web.Response(status=403, text="The request comes from a page of another site.\n")
        if await self.reload():
            return web.Response(text="The configuration was read anew.\n")
        text = "The configuration is wrong, and the old one stays in force; the log says what is wrong.\n"
        return web.Response(status=500, text=text)

    async def _landing(self, request: web.Request) -> web.Response:
        """The status page for people."""
        return web.Response(
            text=page.landing(tuple(self._targets), self._logs(), self._top.section(request)),
            content_type="text/html",
            headers=page.HEADERS,
        )

    async def _healthy(self, _: web.Request) -> web.Response:
        if self.reading.failed:
            text = f"No longer reading: {', '.join(self.reading.failed)}. Restart; the log says what went wrong.\n"
            return web.Response(status=500, text=text)
        return web.Response(text="vault-exporter is healthy.\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self._targets.settled and not self.stopping:
            return web.Response(text="vault-exporter is ready.\n")
        return web.Response(status=503, text="vault-exporter is starting or stopping.\n")

    def _logs(self) -> Iterator[str]:
        yield from map(str, self._config.audit.logs)
        yield from map(inputs.name, self._config.audit.inputs)

    def _samples(self) -> Iterator[Sample]:
        yield c.BUILD_INFO(1, __version__, platform.python_version())
        yield from self._targets.samples()
        successful, read = self._reloaded
        yield c.CONFIG_RELOAD_SUCCESSFUL(successful)
        yield c.CONFIG_RELOAD_SUCCESS_TIME(read)
        yield from self.guard.samples()
        yield from self.connections.samples()

    def _process(self, fmt: Format) -> bytes:
        encode, _ = exposition.choose_encoder(fmt.value)
        return encode(self._own).removesuffix(EOF)


def _unread_seconds(request: web.Request) -> float:
    """Return how long Prometheus waits for the page; then it is given up, and the next one counts."""
    return min(_timeout(request.headers.get(TIMEOUT_HEADER)) or UNREAD_SECONDS, _LONGEST)


def _timeout(header: str | None) -> float | None:
    """Read a scrape's timeout in seconds; None for what is no positive number."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _not_yet() -> web.Response:
    return web.Response(status=503, text="The targets are not all known yet.\n")


async def _scraped(scraper: TargetScraper, request: web.Request, fmt: Format) -> bytes:
    seconds = deadline(request.headers.get(TIMEOUT_HEADER), scraper.target.timeout)
    scrape = await scraper.scrape(seconds)
    if scrape.page is not None and scrape.page.samples > _MANY_SAMPLES:
        return await asyncio.to_thread(scrape.render, fmt)
    return scrape.render(fmt)


async def _exposition(request: web.Request, fmt: Format, body: bytes) -> web.Response:
    if fmt is Format.OPENMETRICS:
        body += EOF
    headers = {"Content-Type": fmt.value, "Vary": "Accept, Accept-Encoding"}
    if len(body) >= _GZIP_FROM and _takes_gzip(request.headers.get("Accept-Encoding", "")):
        headers["Content-Encoding"] = "gzip"
        squeeze = partial(gzip.compress, body, compresslevel=1)  # 3.5 times as fast as 9 for 7 % more bytes
        body = await asyncio.to_thread(squeeze) if len(body) >= _LARGE_BYTES else squeeze()
    return web.Response(body=body, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """Tell from ``Accept-Encoding`` whether the client wants gzip; ``q=0`` says that it does not."""
    for one in accepted.split(","):
        coding, _, weight = one.partition(";")
        if coding.strip().lower() == "gzip":
            return not re.fullmatch(r"q=0(\.0*)?", weight.strip())
    return False
