"""One scrape of one target: every collector and the telemetry, side by side, under one deadline."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

import structlog

from vault_exporter import catalogue as c
from vault_exporter.collectors import COLLECTORS, Collector
from vault_exporter.collectors.telemetry import REMEDIES, Fetched, Status, fetch
from vault_exporter.config import model
from vault_exporter.metrics import Format, Sample, render
from vault_exporter.reasons import Reason
from vault_exporter.telemetry import Page, Telemetry
from vault_exporter.vault.client import Client, VaultError

__all__ = ["Scrape", "TargetScraper"]

T = TypeVar("T")

_TELEMETRY: Final = "telemetry"

_log = structlog.get_logger(__name__)


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


class TargetScraper:
    """Scrapes one target. Make it inside a running event loop, and close it.

    Kept between scrapes: the connections, the continuity of the telemetry's counters, the last scrape (for the status
    page), and what was last logged of each collector.
    """

    def __init__(self, target: model.Target, telemetry: model.Telemetry) -> None:
        self.target = target
        self.last: Scrape | None = None
        self._client = Client(target)
        self._telemetry = Telemetry(telemetry, c.NAMES) if telemetry.enabled else None
        self._flight: asyncio.Task[Scrape] | None = None
        self._changes = _Changes(target.name)

    async def close(self) -> None:
        """Drop the scrape under way and close the connections."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)
        await self._client.close()

    async def scrape(self, seconds: float) -> Scrape:
        """Scrape the target within ``seconds``; whatever is broken, the result says so.

        Callers at the same time share one flight, so the node is asked once. A caller with less time than the flight
        has is told that the node timed out.
        """
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fly(seconds))
            return await asyncio.shield(self._flight)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(self._flight)
        except TimeoutError:
            late = (_Attempt[Iterable[Sample]](None, Reason.TIMEOUT, seconds) for _ in COLLECTORS)
            return Scrape(_merge(map(_collected, COLLECTORS, late)), time.time())

    async def _fly(self, seconds: float) -> Scrape:
        started, requests = time.monotonic(), self._client.requests
        deadline = asyncio.get_running_loop().time() + seconds
        fetching = asyncio.create_task(self._fetch(deadline))
        attempts = await asyncio.gather(
            *(self._attempt(collector.name, collector.collect(self._client), deadline) for collector in COLLECTORS)
        )
        page, telemetry_samples = await fetching
        samples = _merge(
            [
                *map(_collected, COLLECTORS, attempts),
                telemetry_samples,
                (
                    c.PROBE_REQUESTS(self._client.requests - requests),
                    c.PROBE_DURATION(time.monotonic() - started),
                ),
            ]
        )
        self.last = Scrape(samples, time.time(), page)
        return self.last

    async def _fetch(self, deadline: float) -> tuple[Page | None, Iterable[Sample]]:
        """Get the telemetry, repair it, and tell what became of it."""
        if self._telemetry is None:
            return None, _telemetry_statuses(Status.OFF)
        attempt = await self._attempt(_TELEMETRY, fetch(self._client), deadline)
        status, text = attempt.result or Fetched(Status.FAILED)
        if status is not Status.FAILED:
            self._changes.note(_TELEMETRY, None if status is Status.OK else status, REMEDIES.get(status, ""))
        page = self._telemetry.repair(text) if status is Status.OK else None
        return page, [*_telemetry_statuses(status), *_outcome(_TELEMETRY, attempt), *_telemetry_counts(page)]

    async def _attempt(self, name: str, work: Awaitable[T], deadline: float) -> "_Attempt[T]":
        """Do one collector's work; a failure becomes a reason, and the log says when it starts and when it ends."""
        started = time.monotonic()
        result, reason, message = None, None, ""
        try:
            async with asyncio.timeout_at(deadline):
                result = await work
        except TimeoutError:
            reason, message = Reason.TIMEOUT, "no complete answer before the deadline of the scrape"
        except VaultError as error:
            reason, message = error.reason, str(error)
        except Exception as error:  # noqa: BLE001 - our own mistake, too, costs one collector and not the page
            reason, message = Reason.OTHER, type(error).__name__
            _log.exception("collector broke", target=self.target.name, collector=name)
        if name != _TELEMETRY or reason is not None:
            self._changes.note(name, reason, message)
        return _Attempt(result, reason, time.monotonic() - started)


class _Attempt(NamedTuple, Generic[T]):
    """A collector's work: its result, or the reason why there is none."""

    result: T | None
    reason: Reason | None
    seconds: float


class _Changes:
    """Logs a collector's state when it changes, not at every scrape."""

    def __init__(self, target: str) -> None:
        self._log = _log.bind(target=target)
        self._states: dict[str, str | None] = {}

    def note(self, collector: str, state: str | None, message: str) -> None:
        """Note the present state (None is good)."""
        if state == self._states.get(collector):
            return
        self._states[collector] = state
        if state is None:
            self._log.info("collector works again", collector=collector)
        else:
            self._log.warning("collector gets nothing", collector=collector, reason=str(state), detail=message)


def _collected(collector: Collector, attempt: _Attempt[Iterable[Sample]]) -> Iterable[Sample]:
    if attempt.reason is None:
        return (*(attempt.result or ()), *_outcome(collector.name, attempt))
    return (*collector.floor(attempt.reason), *_outcome(collector.name, attempt))


def _outcome(collector: str, attempt: _Attempt[T]) -> Iterator[Sample]:
    yield c.COLLECTOR_SUCCESS(attempt.reason is None, collector)
    yield c.COLLECTOR_DURATION(attempt.seconds, collector)
    if attempt.reason is not None:
        yield c.COLLECTOR_FAILURE(1, collector, attempt.reason)


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
