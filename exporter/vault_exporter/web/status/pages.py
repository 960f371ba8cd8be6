"""The handlers of ``/``, ``/targets/NAME`` and ``/config``."""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote

import msgspec
from aiohttp import web

from vault_exporter import __version__
from vault_exporter.audit.inputs.service import InputReader
from vault_exporter.audit.service import AuditService
from vault_exporter.audit.status import LogStatus
from vault_exporter.config.schema.model import Config
from vault_exporter.scrape.node_state import Mode
from vault_exporter.targets.manager import Targets
from vault_exporter.web.auth import Guard
from vault_exporter.web.background import Background
from vault_exporter.web.runbooks import runbook_path
from vault_exporter.web.status import words
from vault_exporter.web.status.clusters import of_shard, sentences
from vault_exporter.web.status.configuration import shown
from vault_exporter.web.status.lookout import REFRESH_SECONDS, Lookout
from vault_exporter.web.status.nodes import UNKNOWN, Level, NodeView, view
from vault_exporter.web.status.running import Reload
from vault_exporter.web.templates import page
from vault_exporter.web.top import TopPage

__all__ = ["Running", "StatusPages"]

_MODES: Final = (Mode.DOWN, Mode.SEALED, Mode.UNINITIALIZED, UNKNOWN, Mode.UNSEALED, Mode.ACTIVE, Mode.STANDBY)
"""The order of the filter, and of nodes that are equally bad."""
_PROBLEMS: Final = "problems"
_MOST_SHOWN: Final = 10
_SILENT_SECONDS: Final = 3600.0
_NOT_KNOWN: Final = (
    "The configuration is shown only to authenticated users: set web_config_file to a file with basic_auth_users, or "
    "with client_auth_type: RequireAndVerifyClientCert and client_ca_file.\n"
)


class Running(Protocol):
    """The parts of the exporter that the pages need."""

    config: Config
    reading: Background
    reloaded: Reload
    started: float


class _Filter(NamedTuple):
    """One link of the filter."""

    state: str
    number: int


class StatusPages:
    """The pages."""

    def __init__(
        self,
        running: Running,
        targets: Targets,
        audit: AuditService,
        inputs: InputReader,
        guard: Guard,
        top: TopPage,
        clock: Callable[[], float],
    ) -> None:
        self._running = running
        self._targets = targets
        self._audit = audit
        self._inputs = inputs
        self._guard = guard
        self._top = top
        self._clock = clock
        self.lookout = Lookout(targets, lambda: running.config.status_page_scrapes, clock)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the endpoints."""
        router.add_get("/", self._status)
        router.add_get("/targets/{name}", self._target)
        router.add_get("/config", self._config)

    async def _status(self, request: web.Request) -> web.Response:
        """Serve the status page. ``?state=`` shows only nodes in a state, ``?cluster=`` only those of a cluster."""
        await self.lookout.open()
        now, known = self._clock(), self._guard.knows_clients(request)
        nodes = _with_leaders(sorted((view(scraper, now) for scraper in self._targets), key=_rank))
        shard = self._running.config.shard
        # A cluster's nodes are in several shards, so that none can say whether the cluster serves.
        clusters = sentences(nodes, self._running.config.clusters, now) if shard is None else (of_shard(shard),)
        cluster = request.query.get("cluster")
        if cluster is not None:
            nodes = [node for node in nodes if node.cluster == cluster]
        state = request.query.get("state", "")
        return page(
            "status.html",
            now=now,
            known=known,
            refresh=REFRESH_SECONDS,
            words=words,
            quote=_quoted,
            runbook=runbook_path,
            clusters=clusters,
            filters=tuple(_filters(nodes)),
            state=state,
            cluster=cluster,
            total=len(nodes),
            nodes=[node for node in nodes if _passes(node, state)],
            settled=self._targets.settled,
            logs=self._logs(),
            silent=_SILENT_SECONDS,
            checkpoint=self._audit.checkpoint_status(),
            counted=self._audit.pipeline.status(_MOST_SHOWN) if known else None,
            top=self._top.status(request),
            asks=self._top.is_counted,
            discoveries=tuple(self._targets.discoveries()),
            reloaded=self._running.reloaded,
            failed=tuple(self._running.reading.failed),
            version=__version__,
            python=platform.python_version(),
            uptime=words.duration(now - self._running.started),
        )

    async def _target(self, request: web.Request) -> web.Response:
        """Serve the page of one target."""
        scraper = self._targets.get(request.match_info["name"])
        if scraper is None:
            # The answer does not quote the path, which is untrusted.
            return web.Response(status=404, text="There is no such target. The status page (/) lists them.\n")
        await self.lookout.open()
        now = self._clock()
        scrape = scraper.last
        return page(
            "target.html",
            now=now,
            known=self._guard.knows_clients(request),
            refresh=REFRESH_SECONDS,
            words=words,
            quote=_quoted,
            runbook=runbook_path,
            node=view(scraper, now),
            outcomes=scrape.outcomes if scrape is not None else (),
        )

    async def _config(self, request: web.Request) -> web.Response:
        """Serve the configuration as loaded, to authenticated users."""
        if not self._guard.knows_clients(request):
            return web.Response(status=403, text=_NOT_KNOWN)
        return page("config.html", known=True, text=shown(self._running.config))

    def _logs(self) -> tuple[LogStatus, ...]:
        return (*(log.status() for log in self._audit.logs), *self._inputs.statuses())


def _with_leaders(nodes: list[NodeView]) -> list[NodeView]:
    """Name the leaders that are targets themselves."""
    names = {node.address: node.name for node in nodes}
    return [
        msgspec.structs.replace(node, leader=names[node.leader_address])
        if node.leader == node.leader_address and node.leader in names
        else node
        for node in nodes
    ]


def _rank(node: NodeView) -> tuple[Level, int, str, str]:
    """Sort the worst first."""
    level = min(node.level, Level.WARN) if node.old else node.level
    return level, _MODES.index(node.mode), node.cluster, node.name


def _passes(node: NodeView, state: str) -> bool:
    if state == _PROBLEMS:
        return node.level is not Level.OK or node.old
    return not state or node.mode == state


def _filters(nodes: Iterable[NodeView]) -> Iterator[_Filter]:
    nodes = tuple(nodes)
    if problems := sum(_passes(node, _PROBLEMS) for node in nodes):
        yield _Filter(_PROBLEMS, problems)
    modes = Counter(node.mode for node in nodes)
    yield from (_Filter(str(mode), modes[mode]) for mode in _MODES if modes[mode])


def _quoted(text: str) -> str:
    return quote(text, safe="")
