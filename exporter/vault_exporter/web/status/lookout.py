"""Scrapes for the status page: while somebody has the page open, nodes that nobody scrapes are asked at a low rate."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from vault_exporter.scrape.scraper import TargetScraper
from vault_exporter.targets.manager import Targets

__all__ = ["REFRESH_SECONDS", "Lookout"]

REFRESH_SECONDS: Final = 10
"""The page refreshes itself after so many seconds."""

_OPEN_SECONDS: Final = 45.0
"""Time after the last request for the page until nobody has it open any more."""
_STEP_SECONDS: Final = 5.0
_EXPECTED_SECONDS: Final = 20.0
_LONGEST_SECONDS: Final = 90.0
_TIMES: Final = 1.5
"""A node is asked when its last scrape is so many intervals old."""
_AT_ONCE: Final = 32
_FIRST_SECONDS: Final = 2.0
"""Time that the page waits for nodes that were never asked."""


class Lookout:
    """Asks the nodes while the page is open. A scrape by Prometheus at the same time shares its flight."""

    def __init__(self, targets: Targets, allowed: Callable[[], bool], clock: Callable[[], float]) -> None:
        """Ask nothing yet.

        Args:
            targets: the nodes.
            allowed: whether the configuration allows it.
            clock: Unix time, in seconds.
        """
        self._targets = targets
        self._allowed = allowed
        self._clock = clock
        self._seen: float | None = None
        self._opened = asyncio.Event()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._running: dict[TargetScraper, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Note that somebody looks at the page. Wait a moment for nodes that were never asked."""
        if not self._allowed():
            return
        self._seen = time.monotonic()
        self._opened.set()
        self._look()
        first = [task for scraper, task in self._running.items() if scraper.last is None]
        if first:
            await asyncio.wait(first, timeout=_FIRST_SECONDS)

    async def run(self) -> None:
        """Ask nodes until cancelled."""
        try:
            while True:
                await self._opened.wait()
                if self._seen is None or time.monotonic() - self._seen > _OPEN_SECONDS or not self._allowed():
                    self._opened.clear()
                    continue
                self._look()
                await asyncio.sleep(_STEP_SECONDS)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _look(self) -> None:
        now = self._clock()
        for scraper in self._targets:
            if scraper not in self._running and _is_due(scraper, now):
                self._running[scraper] = asyncio.create_task(self._ask(scraper))

    async def _ask(self, scraper: TargetScraper) -> None:
        try:
            async with self._places:
                if _is_due(scraper, self._clock()):
                    await scraper.scrape(scraper.target.timeout, for_page=True)
        finally:
            del self._running[scraper]


def _is_due(scraper: TargetScraper, now: float) -> bool:
    if scraper.last is None:
        return True
    return now - scraper.last.finished > min(_TIMES * (scraper.interval or _EXPECTED_SECONDS), _LONGEST_SECONDS)
