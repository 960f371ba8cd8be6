"""Repair without holding up the event loop, which answers health checks and the scrapes of other targets.

A page as Vault writes it takes a millisecond or so. A large one, or one that is not Vault's, takes seconds, which a
thread spends: it leaves the interpreter to the event loop every few milliseconds.
"""

import asyncio
import threading
from concurrent.futures import Future
from typing import Final

from vault_exporter.scrape.telemetry.page import Page
from vault_exporter.scrape.telemetry.repair import Telemetry
from vault_exporter.util.threads import in_thread

__all__ = ["Worker"]

_SMALL_BYTES: Final = 64 << 10
"""What is repaired at once: most of Vault's pages, and of the worst of others a twentieth of a second."""


class Worker:
    """Repairs one target's pages, one at a time."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._last: Future[Page] | None = None

    async def repair(self, page: bytes) -> Page:
        """Filter and repair a page; not for concurrent use.

        Cancelled, an irregular page is given up. A regular one is taken in to its end nevertheless: the next page,
        which waits for that, is then likely to need its values read only.
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
