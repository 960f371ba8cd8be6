"""Run the lookups of all sources at their intervals, and keep the last results."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from vault_exporter.config.parse.addresses import default_name
from vault_exporter.config.schema.model import (
    ClusterDiscovery,
    Discoveries,
    Discovery,
    DnsDiscovery,
    FileDiscovery,
    Target,
)
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.targets.discovery.find import REFUSED, DiscoveryError, Found, find_in_cluster, find_in_dns, some
from vault_exporter.targets.discovery.naming import Names
from vault_exporter.util.defects import internal_error
from vault_exporter.util.threads import in_thread
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.client import Client
from vault_exporter.vault.connection import connect

if TYPE_CHECKING:
    from vault_exporter.targets.discovery.file_sd import Files

__all__ = ["DiscoveryManager", "State"]

_PATIENCE: Final = 300.0
"""Seconds after the start in which a source without a successful lookup makes the list incomplete."""

_log = structlog.get_logger(__name__)


class State(NamedTuple):
    """The state of one discovery."""

    settings: Discovery
    error: str
    """Error of the last lookup; empty if it succeeded."""
    targets: int
    dropped: int
    """Number of targets dropped above ``max_targets``."""


class DiscoveryManager:
    """The discovered targets. Needs a running event loop; :meth:`start` it, and close it after use.

    Kept between lookups: the last targets of each source, and the time at which each was last found.
    """

    def __init__(
        self,
        sources: Iterable[Discoveries],
        shared: Shared,
        changed: Callable[[], Awaitable[None]],
        *,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the manager without a lookup.

        Args:
            sources: settings of the discoveries.
            shared: state that the logins of all targets share.
            changed: called after each lookup that changed the targets; the next lookup waits for it.
            wait: sleeps for a number of seconds.
            clock: Unix time in seconds, for timestamps in metrics.
            elapsed: monotonic time in seconds.
        """
        self.sources = tuple(sources)
        """Settings of the discoveries."""
        self._changed = changed
        self._wait = wait
        self._elapsed = elapsed
        self._started = elapsed()
        clusters = {source.cluster for source in self.sources if isinstance(source, ClusterDiscovery)}
        self._sources = tuple(
            _Source(source, shared, clock, elapsed, several=len(clusters) > 1) for source in self.sources
        )
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every source has succeeded once, or the grace period is over."""
        return all(source.last_success is not None for source in self._sources) or (
            self._elapsed() - self._started > _PATIENCE
        )

    async def start(self) -> None:
        """Run the first lookup of each source, and continue in the background."""
        await asyncio.gather(*(source.look() for source in self._sources))
        self._tasks = tuple(asyncio.create_task(self._watch(source)) for source in self._sources)

    async def close(self) -> None:
        """Stop the lookups and close the clients."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(source.close() for source in self._sources))

    def targets(self) -> Iterator[Target]:
        """Yield the targets in the order of the sources."""
        for source in self._sources:
            yield from source.targets

    def states(self) -> Iterator[State]:
        """Yield the state of each discovery, for the status page."""
        for source in self._sources:
            yield State(source.settings, source.error or "", len(source.targets), source.dropped)

    def samples(self) -> Iterator[Sample]:
        """Yield the metrics of each discovery."""
        for source in self._sources:
            labels = (source.settings.type, source.settings.source)
            yield c.DISCOVERY_SUCCESS(source.error == "", *labels)
            yield c.DISCOVERY_TARGETS(len(source.targets), *labels)
            yield c.DISCOVERY_DROPPED(source.dropped, *labels)
            if source.last_success is not None:
                yield c.DISCOVERY_LAST_SUCCESS(source.last_success, *labels)

    async def _watch(self, source: "_Source") -> None:
        changed = False
        while True:
            await self._wait(source.settings.interval)
            changed = await source.look() or changed
            if not changed:
                continue
            try:
                await self._changed()
            except Exception as error:  # noqa: BLE001 - an internal error must not end the loop; the next lookup retries
                source.report(internal_error(error))
            else:
                changed = False


class _Source:
    """One source."""

    def __init__(
        self,
        settings: Discoveries,
        shared: Shared,
        clock: Callable[[], float],
        elapsed: Callable[[], float],
        *,
        several: bool,
    ) -> None:
        self.settings: Discovery = settings
        self.error: str | None = None
        """Error of the last lookup; empty if it succeeded, None before the first."""
        self.last_success: float | None = None
        self.dropped = 0
        """Number of targets dropped above ``max_targets``."""
        self._clock = clock
        self._elapsed = elapsed
        self._refused: tuple[str, ...] = ()
        self._seen: dict[str, tuple[Target, float]] = {}
        self._hostnames: dict[str, str] = {}
        """Host name of each target of a cluster."""
        self._names = Names(f".{settings.cluster}" if several else "")
        self._client: Client | None = None
        self._files = _files(settings) if isinstance(settings, FileDiscovery) else None
        if isinstance(settings, ClusterDiscovery):
            name = default_name(settings.address)
            seed = settings.target(name, settings.address)
            self._client = connect(seed, shared=shared).client
            # Until the first successful lookup, the configured address is the only target.
            self.targets: tuple[Target, ...] = (seed,)
        else:
            self.targets = ()

    async def look(self) -> bool:
        """Run one lookup; return whether the targets changed."""
        before, first = self.targets, self.last_success is None
        try:
            found = await self._find()
        except DiscoveryError as error:
            self.report(str(error))
            return False
        except Exception as error:  # noqa: BLE001 - an internal error must not end the loop
            self.report(internal_error(error))
            return False
        self.last_success = self._clock()
        self._remember(found, self._elapsed())
        self.targets = tuple(target for target, _ in self._seen.values())
        self.report("")
        if not first:  # before the first success, the only target is the configured address
            self._report_lost(before)
        self._report_refused(found.refused)
        return self.targets != before

    def _remember(self, found: Found, now: float) -> None:
        """Merge the found targets into the known ones. Above the limit, drop missing targets first, then new ones."""
        keep = self.settings.keep or 0.0
        earlier = {name: seen for name, seen in self._seen.items() if name not in found.replaced}
        known = earlier | {target.name: (target, now) for target in found.targets}
        seen = {name: (target, last) for name, (target, last) in known.items() if now - last <= keep}
        dropped = max(0, len(seen) - self.settings.max_targets)
        if dropped:
            # The sort is stable, so older targets come before newer ones.
            latest = sorted(seen, key=lambda name: seen[name][1], reverse=True)
            for name in latest[self.settings.max_targets :]:
                del seen[name]
        self._seen = seen
        hostnames = dict(zip((target.name for target in found.targets), found.hostnames, strict=False))
        self._hostnames = {name: host for name, host in (self._hostnames | hostnames).items() if name in seen}
        self._report_excess(dropped)

    def report(self, error: str) -> None:
        """Log a change of the state once."""
        if error == self.error:
            return
        self.error = error
        if error:
            _log.warning("cannot discover targets", source=self.settings.source, detail=error)
        else:
            _log.info("discovered targets", source=self.settings.source, targets=len(self.targets))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _find(self) -> Found:
        settings = self.settings
        if isinstance(settings, ClusterDiscovery) and self._client is not None:
            return await find_in_cluster(settings, self._client, self._names, self._hostnames)
        if isinstance(settings, DnsDiscovery):
            return Found(await find_in_dns(settings))
        if self._files is not None:
            # A file system may hang, which must not block the shutdown.
            return Found(await asyncio.wrap_future(in_thread(self._files.find, "discovery")))
        raise TypeError(type(settings).__name__)

    def _report_lost(self, before: Iterable[Target]) -> None:
        """Log the targets that the source no longer returns."""
        names = {target.name for target in self.targets}
        if lost := [target.name for target in before if target.name not in names]:
            _log.warning(
                "discovery lost targets",
                source=self.settings.source,
                targets=some(lost),
                count=len(lost),
                left=len(self.targets),
            )

    def _report_excess(self, dropped: int) -> None:
        """Log once when targets are dropped, and once when no longer."""
        if dropped and not self.dropped:
            _log.warning(
                "left targets out: there are more than max_targets",
                source=self.settings.source,
                max_targets=self.settings.max_targets,
                count=dropped,
                detail="raise max_targets of the discovery if they are all meant, else see what lists them",
            )
        elif self.dropped and not dropped:
            _log.info("no targets are left out any more", source=self.settings.source)
        self.dropped = dropped

    def _report_refused(self, refused: tuple[str, ...]) -> None:
        """Log the refused nodes once."""
        refused = tuple(sorted(refused))
        if refused and refused != self._refused:
            _log.warning(
                "left nodes out that must not get the credentials",
                source=self.settings.source,
                nodes=some(refused),
                count=len(refused),
                detail=REFUSED,
            )
        self._refused = refused


def _files(settings: FileDiscovery) -> "Files":
    from vault_exporter.targets.discovery.file_sd import Files  # noqa: PLC0415 - only files take PyYAML

    return Files(settings)
