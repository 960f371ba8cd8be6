"""The targets that are scraped at the moment: those that are listed, then those that are discovered."""

import asyncio
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import structlog

from vault_exporter import catalogue as c
from vault_exporter.collectors import chosen
from vault_exporter.config.model import Config, Target, Telemetry
from vault_exporter.config.watched import Watched
from vault_exporter.discovery import Keeper
from vault_exporter.metrics import Sample
from vault_exporter.scrape import TargetScraper
from vault_exporter.vault.auth import Shared
from vault_exporter.vault.tls import Stamps, TlsError, stamps

__all__ = ["Targets", "watched_of"]

_log = structlog.get_logger(__name__)


class Targets:
    """The scrapers by name. Make it inside a running event loop, :meth:`apply` a configuration, and close it.

    A target whose settings and TLS files stay as they are keeps its scraper, and so its token and the continuity of
    its counters. One that goes may end the scrape that it is in.
    """

    def __init__(self) -> None:
        self._shared = Shared()
        self._config = Config()
        self._keeper = Keeper((), self._shared, self._reconcile)
        self._files: tuple[Stamps, ...] = ()
        self._scrapers: dict[str, tuple[_Settings, TargetScraper]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def apply(self, config: Config) -> None:
        """Scrape these targets from now on; returns when the discovery was tried once."""
        old, self._config = self._config, config
        files = tuple(stamps(source.tls) for source in config.discovery)
        if config.discovery != old.discovery or files != self._files:
            keeper = Keeper(config.discovery, self._shared, self._reconcile)
            await keeper.start()
            self._keeper, before = keeper, self._keeper
            await before.close()
            self._files = files
        self._reconcile()

    async def close(self) -> None:
        """Stop looking for targets, drop the scrapes under way and close all connections."""
        await self._keeper.close()
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await asyncio.gather(*(scraper.close() for scraper in self))
        self._scrapers = {}

    def get(self, name: str) -> TargetScraper | None:
        """Return the scraper of a target."""
        _, scraper = self._scrapers.get(name, (None, None))
        return scraper

    @property
    def entities(self) -> AbstractSet[str]:
        """The entities that the exporter was logged in as so far, by which Vault's audit log knows it."""
        return self._shared.entities

    @property
    def only(self) -> TargetScraper | None:
        """The one target of a sidecar: what is listed is one, and nothing is discovered."""
        return next(iter(self)) if len(self) == 1 and not self._config.discovery else None

    @property
    def complete(self) -> bool:
        """Whether a list of them can be believed: every discovery was heard once, or is not waited for."""
        return self._keeper.complete

    def __iter__(self) -> Iterator[TargetScraper]:
        return iter([scraper for _, scraper in self._scrapers.values()])

    def __len__(self) -> int:
        return len(self._scrapers)

    def samples(self) -> Iterator[Sample]:
        """Tell how many there are, and how the discovery goes."""
        yield c.TARGETS(len(self))
        yield from self._keeper.samples()

    def _reconcile(self) -> None:
        """Make the scrapers those of the targets, as they are known now."""
        old, new = self._scrapers, {}
        watched = watched_of(self._config)
        for target in (*self._config.targets, *self._keeper.targets()):
            if target.name in new:
                continue  # what is listed, or was found first, has the name
            settings = _Settings(target, self._config.telemetry, watched, stamps(target.tls))
            kept = old.get(target.name)
            if kept is not None and kept[0] == settings:
                new[target.name] = kept
                continue
            try:
                scraper = TargetScraper(target, settings.telemetry, chosen(target, watched), self._shared)
            except TlsError as error:  # a file that was good when the configuration was read
                _log.warning("cannot scrape", target=target.name, detail=f"tls.{error.key}: {error}")
            else:
                new[target.name] = (settings, scraper)
        self._scrapers = new
        for name, (_, scraper) in old.items():
            if name not in new or new[name][1] is not scraper:
                task = asyncio.create_task(scraper.retire())
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)


def watched_of(config: Config) -> Watched:
    """Return what is asked of targets only where it is configured."""
    return Watched(**{key: getattr(config, key) for key in Watched.__struct_fields__})


class _Settings(NamedTuple):
    """What a scraper was made of."""

    target: Target
    telemetry: Telemetry
    watched: Watched
    stamps: Stamps
