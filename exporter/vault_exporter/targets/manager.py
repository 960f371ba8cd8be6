"""The current targets: first the listed ones, then the discovered ones."""

import asyncio
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Final, NamedTuple

import structlog

from vault_exporter.config.schema.model import Config, Target, Telemetry, Tls
from vault_exporter.config.schema.shard import Shard
from vault_exporter.config.schema.watched import Watched
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors import chosen
from vault_exporter.scrape.scraper import TargetScraper
from vault_exporter.scrape.turns import Turns
from vault_exporter.targets.discovery import DiscoveryManager, State
from vault_exporter.targets.discovery.find import some
from vault_exporter.util.sightings import Sightings
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.tls import Stamps, TlsError, stamps

__all__ = ["Targets", "watched_of"]

_AT_ONCE: Final = 0.02
"""Longest time in seconds that a change of targets blocks the event loop."""

_log = structlog.get_logger(__name__)


class Targets:
    """The scrapers by name. Needs a running event loop; :meth:`apply` a configuration, and close it after use.

    A target with unchanged settings and TLS files keeps its scraper, and so its token and the continuity of its
    counters. A removed target finishes its running scrape.

    Attributes:
        settled: whether a configuration was applied, so that discovered targets are included.
    """

    def __init__(self, shared: Shared | None = None, sightings: Sightings | None = None) -> None:
        self.settled = False
        self._shared = shared or Shared()
        self._sightings = sightings
        self._turns = Turns()
        self._config = Config()
        self._discovery = DiscoveryManager((), self._shared, self._reconcile)
        self._files: tuple[Stamps, ...] = ()
        self._scrapers: dict[str, tuple[_Settings, TargetScraper]] = {}
        self._of_others: frozenset[str] = frozenset()
        """Names of the targets of other shards."""
        self._name_taken: frozenset[str] = frozenset()
        """Addresses of discovered targets that are not scraped, since their name is another target's."""
        self._leaving: dict[asyncio.Task[None], tuple[TargetScraper, ...]] = {}
        self._changing = asyncio.Lock()

    async def begin(self, config: Config) -> None:
        """Scrape the listed targets; :meth:`apply` adds the discovered ones."""
        self._config = config
        await self._reconcile()

    async def apply(self, config: Config) -> None:
        """Scrape the targets of this configuration; returns after the first attempt of each discovery."""
        files = tuple(stamps(source.tls) for source in config.discovery)
        before = None
        if (config.discovery, files) != (self._discovery.sources, self._files):
            discovery = DiscoveryManager(config.discovery, self._shared, self._reconcile)
            try:
                await discovery.start()
            except BaseException:
                await discovery.close()
                raise
            self._discovery, before = discovery, self._discovery
            self._files = files
        self._config = config
        for scraper in self:
            scraper.client.missing.forget()
        if before is not None:
            await before.close()
        await self._reconcile()
        self.settled = True

    async def close(self) -> None:
        """Stop the discovery, cancel running scrapes and close all connections."""
        await self._discovery.close()
        leaving = dict(self._leaving)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await asyncio.gather(*(scraper.close() for scraper in (*chain.from_iterable(leaving.values()), *self)))
        self._scrapers = {}

    def get(self, name: str) -> TargetScraper | None:
        """Return the scraper of a target."""
        _, scraper = self._scrapers.get(name, (None, None))
        return scraper

    @property
    def entities(self) -> AbstractSet[str]:
        """The entities of the exporter's logins so far, as Vault's audit log names them."""
        return self._shared.entities

    @property
    def only(self) -> TargetScraper | None:
        """The only target, if exactly one is listed, and no discovery and no shard is configured (a sidecar)."""
        alone = len(self) == 1 and not self._config.discovery and self._config.shard is None
        return next(iter(self)) if alone else None

    def elsewhere(self, name: str) -> Shard | None:
        """Return the shard that the target of this name belongs to; None if no other shard has it."""
        shard = self._config.shard
        return Shard(shard.owner(name), shard.total) if shard is not None and name in self._of_others else None

    @property
    def complete(self) -> bool:
        """Whether the list is complete: each discovery has succeeded once, or its grace period is over."""
        return self.settled and self._discovery.complete

    def __iter__(self) -> Iterator[TargetScraper]:
        return iter([scraper for _, scraper in self._scrapers.values()])

    def __len__(self) -> int:
        return len(self._scrapers)

    def discoveries(self) -> Iterator[State]:
        """Yield the state of each discovery."""
        return self._discovery.states()

    def samples(self) -> Iterator[Sample]:
        """Yield samples about the number of targets and about discovery."""
        yield c.TARGETS(len(self))
        if (shard := self._config.shard) is not None:
            yield c.SHARD_ORDINAL(shard.ordinal)
            yield c.SHARDS(shard.total)
        for cluster, nodes in self._config.clusters.items():
            yield c.CLUSTER_EXPECTED_NODES(nodes, cluster)
        yield from self._discovery.samples()

    async def _reconcile(self) -> None:
        """Match the scrapers to the current targets; one change at a time."""
        async with self._changing:
            pace = _Pace()
            new: _Scrapers = {}
            try:
                await self._make(new, pace)
            except BaseException:
                await asyncio.gather(*(scraper.close() for scraper in _missing(new, self._scrapers)))
                raise
            old, self._scrapers = self._scrapers, new
            if leaving := tuple(_missing(old, new)):
                task = asyncio.create_task(_retire(leaving))
                self._leaving[task] = leaving
                task.add_done_callback(self._leaving.pop)

    async def _make(self, new: "_Scrapers", pace: "_Pace") -> None:
        """Add a scraper for each target of this shard: the existing one if its settings are unchanged, else another."""
        config = self._config
        watched = watched_of(config)
        files: dict[Tls, Stamps] = {}
        owners: dict[str, Target] = {}
        taken: dict[str, Target] = {}
        of_others: set[str] = set()
        for target in (*config.targets, *self._discovery.targets()):
            await pace.give_way()
            if config.shard is not None and not config.shard.has(target.name):
                of_others.add(target.name)
                continue
            owner = owners.setdefault(target.name, target)
            if owner is not target:
                if (owner.address, owner.cluster) != (target.address, target.cluster):
                    taken[target.address] = target
                continue
            if target.tls not in files:
                files[target.tls] = stamps(target.tls)
            settings = _Settings(target, config.telemetry, watched, files[target.tls])
            kept = self._scrapers.get(target.name)
            if kept is not None and kept[0] == settings:
                new[target.name] = kept
                continue
            try:
                collectors = chosen(target, watched, config.telemetry, self._sightings)
                scraper = TargetScraper(target, collectors, self._shared, self._turns)
            except TlsError as error:  # the file was valid when the configuration was loaded
                _log.warning("cannot scrape", target=target.name, detail=f"tls.{error.key}: {error}")
            else:
                new[target.name] = (settings, scraper)
        self._of_others = frozenset(of_others)
        self._report_taken(taken)

    def _report_taken(self, taken: dict[str, Target]) -> None:
        """Log once which discovered targets are not scraped because a listed or earlier one has their name."""
        if taken.keys() - self._name_taken:
            _log.warning(
                "left targets out: their names are taken",
                targets=some(sorted({target.name for target in taken.values()})),
                addresses=some(sorted(taken)),
                count=len(taken),
                detail="another target with a different address has this name; give the listed target another name, or "
                "the discovery a cluster of its own",
            )
        self._name_taken = frozenset(taken)


def watched_of(config: Config) -> Watched:
    """Return the settings of the collectors that run only if configured."""
    return Watched(**{key: getattr(config, key) for key in Watched.__struct_fields__})


class _Settings(NamedTuple):
    """The settings of a scraper."""

    target: Target
    telemetry: Telemetry
    watched: Watched
    stamps: Stamps


_Scrapers = dict[str, tuple[_Settings, TargetScraper]]


def _missing(some: _Scrapers, others: _Scrapers) -> Iterator[TargetScraper]:
    """Yield the scrapers that are only in the first mapping."""
    for name, (_, scraper) in some.items():
        if name not in others or others[name][1] is not scraper:
            yield scraper


async def _retire(scrapers: Iterable[TargetScraper]) -> None:
    """Wait for the running scrapes, and close their scrapers."""
    async with asyncio.TaskGroup() as group:
        for scraper in scrapers:
            group.create_task(scraper.retire())
            await asyncio.sleep(0)  # yield to other tasks, since closing many takes a while


class _Pace:
    """Yields the event loop to other tasks during long work."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + _AT_ONCE

    async def give_way(self) -> None:
        """Yield to other tasks if this turn was long."""
        if self._loop.time() > self._until:
            await asyncio.sleep(0)
            self._until = self._loop.time() + _AT_ONCE
