"""What was found last at every source, looked up again at its interval."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, NamedTuple

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
from vault_exporter.targets.discovery.file_sd import Files
from vault_exporter.targets.discovery.find import REFUSED, DiscoveryError, Found, find_in_cluster, find_in_dns, some
from vault_exporter.util.threads import in_thread
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.client import Client
from vault_exporter.vault.connection import connect

__all__ = ["DiscoveryManager", "State"]

_PATIENCE: Final = 300.0
"""Seconds after the start for which a source that never answered makes the whole incomplete."""

_log = structlog.get_logger(__name__)


class State(NamedTuple):
    """How a discovery goes."""

    settings: Discovery
    trouble: str
    """What is wrong with the last look-up; empty is nothing."""
    targets: int
    dropped: int
    """Targets that are left out."""


class DiscoveryManager:
    """The discovered targets. Make it inside a running event loop; :meth:`start` it, and close it.

    Kept: the last targets of every source, and when each was last found.
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
        """Look nothing up yet.

        Args:
            sources: where to look.
            shared: what the logins of all targets share.
            changed: called after each look-up that gave other targets; the next one waits for it.
            wait: waits for so many seconds.
            clock: Unix time, in seconds, which is only told.
            elapsed: seconds since whenever, by a clock that nobody sets.
        """
        self.sources = tuple(sources)
        """Where it looks."""
        self._changed = changed
        self._wait = wait
        self._elapsed = elapsed
        self._started = elapsed()
        self._sources = tuple(_Source(source, shared, clock, elapsed) for source in self.sources)
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every source was heard once, or has been silent for so long that the others need not wait."""
        return all(source.last_success is not None for source in self._sources) or (
            self._elapsed() - self._started > _PATIENCE
        )

    async def start(self) -> None:
        """Look everything up once, in the time that each may take, and go on in the background."""
        await asyncio.gather(*(source.look() for source in self._sources))
        self._tasks = tuple(asyncio.create_task(self._watch(source)) for source in self._sources)

    async def close(self) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(source.close() for source in self._sources))

    def targets(self) -> Iterator[Target]:
        """Yield what is known, in the order of the sources."""
        for source in self._sources:
            yield from source.targets

    def states(self) -> Iterator[State]:
        """Tell how each discovery goes, for people."""
        for source in self._sources:
            yield State(source.settings, source.trouble or "", len(source.targets), source.dropped)

    def samples(self) -> Iterator[Sample]:
        """Tell how each look-up goes."""
        for source in self._sources:
            labels = (source.settings.type, source.settings.source)
            yield c.DISCOVERY_SUCCESS(source.trouble == "", *labels)
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
            except Exception as error:  # noqa: BLE001 - our own mistake must not end the looking; it is tried again
                source.report(type(error).__name__)
            else:
                changed = False


class _Source:
    """One source."""

    def __init__(
        self, settings: Discoveries, shared: Shared, clock: Callable[[], float], elapsed: Callable[[], float]
    ) -> None:
        self.settings: Discovery = settings
        self.trouble: str | None = None
        """What is wrong with the last look-up; empty is nothing, None is before the first."""
        self.last_success: float | None = None
        self.dropped = 0
        """Targets that are left out."""
        self._clock = clock
        self._elapsed = elapsed
        self._refused: tuple[str, ...] = ()
        self._seen: dict[str, tuple[Target, float]] = {}
        self._client: Client | None = None
        self._files = Files(settings) if isinstance(settings, FileDiscovery) else None
        if isinstance(settings, ClusterDiscovery):
            name = default_name(settings.address)
            seed = settings.target(name, settings.address)
            self._client = connect(seed, shared=shared).client
            # Until the cluster is known, its address is better than nothing.
            self.targets: tuple[Target, ...] = (seed,)
        else:
            self.targets = ()

    async def look(self) -> bool:
        """Look once; tell whether that changed the targets."""
        before, first = self.targets, self.last_success is None
        try:
            found = await self._find()
        except DiscoveryError as error:
            self.report(str(error))
            return False
        except Exception as error:  # noqa: BLE001 - our own mistake must not end the looking
            self.report(type(error).__name__)
            return False
        self.last_success = self._clock()
        self._remember(found.targets, self._elapsed())
        self.targets = tuple(target for target, _ in self._seen.values())
        self.report("")
        if not first:  # before the first success there is the address of a cluster at most, which is no loss
            self._report_lost(before)
        self._report_refused(found.refused)
        return self.targets != before

    def _remember(self, found: Iterable[Target], now: float) -> None:
        """Merge what was found into what was; where that is too much, drop what was not found, then what is new."""
        keep = self.settings.keep or 0.0
        known = self._seen | {target.name: (target, now) for target in found}
        seen = {name: (target, last) for name, (target, last) in known.items() if now - last <= keep}
        dropped = max(0, len(seen) - self.settings.max_targets)
        if dropped:
            # The sort is stable, so that those that were targets before the others were known stay targets.
            latest = sorted(seen, key=lambda name: seen[name][1], reverse=True)
            for name in latest[self.settings.max_targets :]:
                del seen[name]
        self._seen = seen
        self._report_excess(dropped)

    def report(self, trouble: str) -> None:
        """Log a change of state, once."""
        if trouble == self.trouble:
            return
        self.trouble = trouble
        if trouble:
            _log.warning("cannot discover targets", source=self.settings.source, detail=trouble)
        else:
            _log.info("discovered targets", source=self.settings.source, targets=len(self.targets))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _find(self) -> Found:
        settings = self.settings
        if isinstance(settings, ClusterDiscovery) and self._client is not None:
            return await find_in_cluster(settings, self._client)
        if isinstance(settings, DnsDiscovery):
            return Found(await find_in_dns(settings))
        if self._files is not None:
            # A file system may hang, which must not hold up the exporter's end.
            return Found(await asyncio.wrap_future(in_thread(self._files.find, "discovery")))
        raise TypeError(type(settings).__name__)

    def _report_lost(self, before: Iterable[Target]) -> None:
        """Log which targets are no longer among those that the source gives."""
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
        """Log that targets are left out, and when they no longer are, once."""
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
        """Log which nodes are refused, once."""
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
