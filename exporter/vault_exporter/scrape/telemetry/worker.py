"""Repair pages without blocking the event loop, which serves health checks and scrapes of other targets.

A usual page of Vault takes about a millisecond. A large or irregular page takes seconds, so it is repaired in a thread,
which yields the interpreter to the event loop every few milliseconds.
"""

import asyncio
import threading
from concurrent.futures import Future
from typing import Final

from vault_exporter.scrape.telemetry.page import TelemetryPage
from vault_exporter.scrape.telemetry.repair import TelemetryRepair
from vault_exporter.util.threads import in_thread

__all__ = ["Worker"]

_SMALL_BYTES: Final = 64 << 10
"""Largest page repaired in the event loop: most of Vault's pages. The worst, thousands of new families, takes 0.2 s."""


class Worker:
    """Repairs one target's pages, one at a time."""

    def __init__(self, telemetry: TelemetryRepair) -> None:
        self._telemetry = telemetry
        self._last: Future[TelemetryPage] | None = None

    async def repair(self, page: bytes) -> TelemetryPage:
        """Filter and repair a page; not for concurrent use.

        If cancelled, an irregular page is dropped. A regular page is still processed to its end; the next page waits
        for it, and then usually needs only its values read.
        """
        while self._last is not None and not self._last.done():
            await asyncio.gather(asyncio.wrap_future(self._last), return_exceptions=True)
        if len(page) <= _SMALL_BYTES:
            return self._telemetry.repair(page)
        over = threading.Event()
        self._last = in_thread(lambda: self._telemetry.repair(page, over.is_set), "telemetry")
        try:
            return await asyncio.wrap_future(self._last)
        finally:
            over.set()
