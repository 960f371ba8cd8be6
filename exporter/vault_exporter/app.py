"""The composition root: from the configuration to targets, audit logs and the web application."""

import asyncio
import platform
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import msgspec
import prometheus_client
import structlog
from aiohttp import web
from prometheus_client import exposition, gc_collector, platform_collector, process_collector

from vault_exporter import __version__
from vault_exporter.audit.inputs import http
from vault_exporter.audit.inputs.service import InputReader
from vault_exporter.audit.service import AuditService
from vault_exporter.config.parse.problems import ConfigError
from vault_exporter.config.schema.model import Config
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.exposition import EOF, Format
from vault_exporter.metrics.family import Sample
from vault_exporter.targets.manager import Targets
from vault_exporter.util.sightings import Sightings
from vault_exporter.util.threads import in_thread
from vault_exporter.web.auth import Guard
from vault_exporter.web.background import Background
from vault_exporter.web.connections import Connections, most_connections
from vault_exporter.web.listener import Listener
from vault_exporter.web.routes import Routes
from vault_exporter.web.settings import SettingsFile
from vault_exporter.web.status.running import Reload

__all__ = ["Exporter"]

_log = structlog.get_logger(__name__)

_AT_START: Final = ("listen", "web_config_file", "audit")
"""Keys that are read only when the exporter starts."""


class Exporter:
    """The running exporter: its targets, its audit logs, and its web application.

    ``app`` starts and ends everything with itself, inside the event loop that serves it.

    Attributes:
        app: the web application.
        config: the configuration in force.
        stopping: whether it is shutting down.
        guard: decides which requests are served.
        connections: the open connections.
        listener: the listening socket.
        reading: the background tasks; the exporter is unhealthy when one of them fails.
        reloaded: the last reading of the configuration.
        started: Unix time of the start, in seconds.
    """

    def __init__(
        self,
        config: Config,
        read: Callable[[], Config] | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Build the parts; nothing runs yet.

        Args:
            config: the configuration.
            read: loads the configuration again for :meth:`reload`; raises ConfigError.
            clock: Unix time in seconds, for the status page.
        """
        self.stopping = False
        self.config = config
        self._read = read
        self._reloading = asyncio.Lock()
        self.started = time.time()
        self.reloaded = Reload(successful=True, tried=self.started, last_success=self.started)
        self._audit = AuditService(config.audit, work_in=in_thread)
        reads_audit = bool(config.audit.logs or config.audit.inputs)
        sightings = Sightings() if reads_audit else None
        self._targets = Targets(sightings=sightings)
        if sightings is not None:
            self._audit.pipeline.look_for(sightings)
        if config.audit.exclude.own:
            self._audit.pipeline.leave_out(self._targets.entities)
        self._inputs = InputReader(config.audit, self._audit.pipeline)
        self._process = prometheus_client.CollectorRegistry()
        process_collector.ProcessCollector(registry=self._process)
        platform_collector.PlatformCollector(registry=self._process)
        gc_collector.GCCollector(registry=self._process)
        settings = SettingsFile(config.web_config_file)
        own_credential = frozenset({http.PATH} if self._inputs.endpoint is not None else ())
        self.guard = Guard(settings, own_credential=own_credential)
        self.connections = Connections(most_connections())
        self.listener = Listener(settings, self.guard, self.connections)
        self.reading = Background()
        self.app = web.Application(middlewares=[self.connections.middleware, self.guard.middleware])
        self.app.on_response_prepare.append(self.guard.add_headers)
        self.app.cleanup_ctx.append(self._live)
        routes = Routes(self, self._targets, self._audit, self._inputs, self.guard, self.connections, clock)
        routes.add_to(self.app.router)
        self._lookout = routes.status.lookout

    async def reload(self) -> bool:
        """Read the configuration anew and swap it as a whole; keep the old one and return False if it is wrong."""
        async with self._reloading:
            try:
                config = await self._read_again()
            except ConfigError as error:
                for problem in error.problems:
                    _log.error("the configuration is wrong; the old one stays in force", problem=str(problem))
                problems = tuple(map(str, error.problems))
                self.reloaded = Reload(False, time.time(), self.reloaded.last_success, problems, self.reloaded.restart)
                return False
            kept = {key: getattr(self.config, key) for key in _AT_START}
            restart = tuple(key for key, value in kept.items() if getattr(config, key) != value)
            for key in restart:
                _log.warning("a change of this takes a restart", key=key)
            self.config = msgspec.structs.replace(config, **kept)
            await self._targets.apply(self.config)
            now = time.time()
            self.reloaded = Reload(successful=True, tried=now, last_success=now, restart=restart)
            _log.info("the configuration was read anew", targets=len(self._targets))
            return True

    async def _read_again(self) -> Config:
        if self._read is None:
            return self.config
        # Not in the executor: the end of the process would wait for a hung file system.
        return await asyncio.wrap_future(in_thread(self._read, "configuration"))

    def samples(self) -> Iterator[Sample]:
        """Yield the exporter's own samples."""
        yield c.BUILD_INFO(1, __version__, platform.python_version())
        yield from self._targets.samples()
        yield c.CONFIG_RELOAD_SUCCESSFUL(self.reloaded.successful)
        yield c.CONFIG_RELOAD_SUCCESS_TIME(self.reloaded.last_success)
        yield from self.guard.samples()
        yield from self.connections.samples()

    def process(self, fmt: Format) -> bytes:
        """Render the metrics of the process."""
        encode, _ = exposition.choose_encoder(fmt.value)
        return encode(self._process).removesuffix(EOF)

    async def _live(self, _: web.Application) -> AsyncIterator[None]:
        if self.config.discovery:
            await self._targets.begin(self.config)
            self.reading.start("targets", self._discover())
        else:
            await self._targets.apply(self.config)
        await self._inputs.start()
        self.reading.start("audit logs", self._audit.run())
        self.reading.start("audit inputs", self._inputs.run())
        self.reading.start("status page", self._lookout.run())
        self.reading.start("connections", self.connections.watch(self.guard.is_outdated))
        yield
        self.stopping = True
        await self.reading.cancel()
        await self._inputs.close()
        await self._targets.close()

    async def _discover(self) -> None:
        """Look for targets for the first time; those that hang must not keep the rest from being served."""
        async with self._reloading:
            await self._targets.apply(self.config)
