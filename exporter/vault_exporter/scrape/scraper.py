"""Scrapes one target: all its collectors concurrently, under one deadline."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from vault_exporter.config.schema import model
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.exposition import Format, render
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collector_run import CollectorRuns
from vault_exporter.scrape.collectors import Collector, telemetry
from vault_exporter.scrape.history import Cadence, History
from vault_exporter.scrape.node_state import NodeState
from vault_exporter.scrape.scheduler import CollectorScheduler, Outcome
from vault_exporter.scrape.telemetry import TelemetryPage
from vault_exporter.scrape.turns import Turns
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.connection import connect

__all__ = ["Scrape", "TargetScraper"]

_WORTHWHILE: Final = 0.1
"""Seconds that a caller must have left to start another scrape after a shared one timed out."""


class Scrape(msgspec.Struct, frozen=True):
    """The result of one scrape of a target."""

    state: NodeState
    samples: tuple[Sample, ...]
    finished: float
    """Unix time, in seconds."""
    page: TelemetryPage | None = None
    """The target's own telemetry, repaired."""
    outcomes: tuple[Outcome, ...] = ()
    """The result of each collector."""

    def render(self, fmt: Format) -> bytes:
        """Render the target's part of a page, without an end mark."""
        return render(self.samples, fmt) + (self.page.render(fmt) if self.page else b"")


class _Flight(NamedTuple):
    """A running scrape and its deadline, in the loop's time."""

    scrape: "asyncio.Task[Scrape]"
    deadline: float


class TargetScraper:
    """Scrapes one target. Make it inside a running event loop, and close it.

    Kept between scrapes: the connections, what the scheduler and the collectors keep, the last scrape, its history and
    the interval of the scrapes (for the status page), and what was last logged of each collector.
    """

    def __init__(
        self,
        target: model.Target,
        collectors: Sequence[Collector],
        shared: Shared | None = None,
        turns: Turns | None = None,
    ) -> None:
        self.target = target
        self.last: Scrape | None = None
        """The last complete scrape, without its samples and its page."""
        self.history = History()
        self.client, self.tokens = connect(target, shared=shared)
        self._turns = turns or Turns()
        self._flight: _Flight | None = None
        self._cadence = Cadence()
        runs = any(collector.name == telemetry.NAME for collector in collectors)
        self._without_telemetry = () if runs else telemetry.statuses(telemetry.Status.OFF)
        self._scheduler = CollectorScheduler(self.client, collectors, CollectorRuns(target.name))

    async def retire(self) -> None:
        """Wait for the running scrape, then close the connections."""
        if self._flight is not None:
            await asyncio.gather(self._flight.scrape, return_exceptions=True)
        await self.close()

    async def close(self) -> None:
        """Cancel the running scrape and close the connections."""
        if self._flight is not None:
            self._flight.scrape.cancel()
            await asyncio.gather(self._flight.scrape, return_exceptions=True)
        await self._scheduler.close()
        await self.client.close()

    @property
    def interval(self) -> float | None:
        """The interval at which Prometheus scrapes the target, in seconds; None if it did not do so twice."""
        return self._cadence.interval

    async def scrape(self, seconds: float, *, for_page: bool = False) -> Scrape:
        """Scrape the target within ``seconds``; whatever is broken, the result says so.

        A scrape for the status page (``for_page``) does not count for :attr:`interval`.

        Callers at the same time share one flight, so the node is asked once. A caller with less time than the flight
        has is told that the node timed out. One with more time flies again when the flight it shared ran out of its.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + seconds
        if not for_page:
            self._cadence.note(now())
        while True:
            if self._flight is None or self._flight.scrape.done():
                self._flight = _Flight(asyncio.create_task(self._fly(now(), deadline)), deadline)
                self._flight.scrape.add_done_callback(self._landed)
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
            state, samples, page, outcomes = self._scheduler.failed(Reason.TIMEOUT, seconds)
            return Scrape(state, (*samples, *self._without_telemetry), time.time(), page, outcomes)

    def _landed(self, scrape: "asyncio.Task[Scrape]") -> None:
        """Drop the result. Only callers that wait for it need it."""
        if self._flight is not None and self._flight.scrape is scrape:
            self._flight = None

    async def _fly(self, started: float, deadline: float) -> Scrape:
        requests = self.client.requests
        end = await self._turns.begin(deadline)
        try:
            collected = await self._scheduler.run(deadline)
        finally:
            end()
        samples = (
            *collected.samples,
            *self._without_telemetry,
            *self.tokens.samples(),
            c.PROBE_REQUESTS(self.client.requests - requests),
            c.PROBE_DURATION(asyncio.get_running_loop().time() - started),
        )
        scrape = Scrape(collected.state, samples, time.time(), collected.page, collected.outcomes)
        self.last = msgspec.structs.replace(scrape, samples=(), page=None)
        self.history = self.history.after(scrape.state, scrape.finished)
        return scrape
