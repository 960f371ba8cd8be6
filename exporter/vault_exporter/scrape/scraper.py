"""One scrape of one target: every collector and the telemetry, side by side, under one deadline."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from vault_exporter.config.schema import model
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.exposition import Format, render
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collector_run import CollectorRuns, outcome
from vault_exporter.scrape.collectors import Collector
from vault_exporter.scrape.collectors.telemetry import REMEDIES, Status, fetch
from vault_exporter.scrape.scheduler import CollectorScheduler
from vault_exporter.scrape.telemetry import Page, Telemetry, Worker
from vault_exporter.vault.auth.methods import Shared
from vault_exporter.vault.connection import connect

__all__ = ["Scrape", "TargetScraper"]

_TELEMETRY: Final = "telemetry"

_WORTHWHILE: Final = 0.1
"""Seconds that a caller must have left, so that a flight for them may show more than the one that ran out of time."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one scrape of a target gave."""

    samples: tuple[Sample, ...]
    finished: float
    """Unix time, in seconds."""
    page: Page | None = None
    """The target's own telemetry, repaired."""

    def render(self, fmt: Format) -> bytes:
        """Render the target's part of a page, without an end mark."""
        return render(self.samples, fmt) + (self.page.render(fmt) if self.page else b"")


class _Flight(NamedTuple):
    """A scrape under way, and when it ends at the latest, in the loop's time."""

    scrape: "asyncio.Task[Scrape]"
    deadline: float


class TargetScraper:
    """Scrapes one target. Make it inside a running event loop, and close it.

    Kept between scrapes: the connections, the continuity of the telemetry's counters, the last good readings of
    collectors that have an interval, the last scrape (for the status page), and what was last logged of each collector.
    """

    def __init__(
        self,
        target: model.Target,
        telemetry: model.Telemetry,
        collectors: Sequence[Collector],
        shared: Shared | None = None,
    ) -> None:
        self.target = target
        self.last: Scrape | None = None
        """The last scrape that came to an end."""
        self.client, self.tokens = connect(target, shared=shared)
        self._telemetry = Worker(Telemetry(telemetry, c.NAMES)) if telemetry.enabled else None
        self._flight: _Flight | None = None
        self._attempts = CollectorRuns(target.name)
        self._runner = CollectorScheduler(self.client, collectors, self._attempts)

    def detail(self, collector: str) -> str:
        """Return what there is to say of a collector that gets nothing, beside the reason; empty where it works."""
        return self._attempts.details.get(collector, "")

    async def retire(self) -> None:
        """Let the scrape under way end, and close the connections."""
        if self._flight is not None:
            await asyncio.gather(self._flight.scrape, return_exceptions=True)
        await self.close()

    async def close(self) -> None:
        """Drop the scrape under way and close the connections."""
        if self._flight is not None:
            self._flight.scrape.cancel()
            await asyncio.gather(self._flight.scrape, return_exceptions=True)
        await self._runner.close()
        await self.client.close()

    async def scrape(self, seconds: float) -> Scrape:
        """Scrape the target within ``seconds``; whatever is broken, the result says so.

        Callers at the same time share one flight, so the node is asked once. A caller with less time than the flight
        has is told that the node timed out. One with more time flies again when the flight it shared ran out of its.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + seconds
        while True:
            if self._flight is None or self._flight.scrape.done():
                self._flight = _Flight(asyncio.create_task(self._fly(now(), deadline)), deadline)
            flight = self._flight
            if flight.deadline > deadline:
                break
            scrape = await asyncio.shield(flight.scrape)
            if now() < flight.deadline or deadline - now() < _WORTHWHILE:
                return scrape
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(flight.scrape)
        except TimeoutError:
            return Scrape(_merge(self._runner.failed(Reason.TIMEOUT, seconds)), time.time())

    async def _fly(self, started: float, deadline: float) -> Scrape:
        requests = self.client.requests
        fetching = asyncio.create_task(self._fetch(deadline))
        collected = await self._runner.run(deadline)
        page, telemetry_samples = await fetching
        samples = _merge(
            [
                *collected,
                telemetry_samples,
                self.tokens.samples(),
                (
                    c.PROBE_REQUESTS(self.client.requests - requests),
                    c.PROBE_DURATION(asyncio.get_running_loop().time() - started),
                ),
            ]
        )
        self.last = Scrape(samples, time.time(), page)
        return self.last

    async def _fetch(self, deadline: float) -> tuple[Page | None, Iterable[Sample]]:
        """Get the telemetry, repair it, and tell what became of it."""
        if self._telemetry is None:
            return None, _telemetry_statuses(Status.OFF)
        attempt = await self._attempts.make(_TELEMETRY, self._repaired(self._telemetry), deadline, quiet=True)
        status, page = attempt.result or (Status.FAILED, None)
        if status is not Status.FAILED:
            self._attempts.note(_TELEMETRY, None if status is Status.OK else status, REMEDIES.get(status, ""))
        return page, [*_telemetry_statuses(status), *outcome(_TELEMETRY, attempt), *_telemetry_counts(page)]

    async def _repaired(self, worker: Worker) -> tuple[Status, Page | None]:
        """Get the telemetry and repair it.

        Raises:
            VaultError: as :func:`fetch`.
        """
        status, text = await fetch(self.client)
        if status is not Status.OK:
            return status, None
        page = await worker.repair(text)
        return Status.OK if page.named else Status.UNKNOWN_PREFIX, page


def _telemetry_statuses(current: Status) -> Iterator[Sample]:
    for status in Status:
        yield c.TELEMETRY_STATUS(status is current, status)


def _telemetry_counts(page: Page | None) -> Iterator[Sample]:
    if page is not None:
        yield c.TELEMETRY_SAMPLES(page.samples)
        yield c.TELEMETRY_TRACKED(page.tracked)
        for cause, lines in page.dropped.items():
            yield c.TELEMETRY_DROPPED(lines, cause)
        for cause, lines in page.repaired.items():
            yield c.TELEMETRY_REPAIRED(lines, cause)


def _merge(parts: Iterable[Iterable[Sample]]) -> tuple[Sample, ...]:
    """Keep one sample a series: the last, in the place of the first."""
    series = {(sample.family.name, sample.labels): sample for part in parts for sample in part}
    return tuple(series.values())
