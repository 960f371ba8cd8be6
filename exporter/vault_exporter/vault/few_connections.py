"""Lets a request wait for a connection that another one uses, before it opens one more.

The collectors of a scrape ask at the same moment, which takes seven connections if each request has its own. With TLS
each has 70 kB, and costs a millisecond of CPU time at every scrape if scrapes are further apart than aiohttp keeps a
connection (15 s): half of what a scrape takes. A node answers most requests in less time than a handshake takes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["FewConnections"]

_PATIENCE_SECONDS: Final = 0.2
"""Longest wait for a turn, so that slow requests do not hold up the others."""


class FewConnections:
    """The turns of one target's requests. Make it inside a running event loop."""

    def __init__(self, usual: int, seconds: float = _PATIENCE_SECONDS) -> None:
        """Create the turns.

        Args:
            usual: number of requests at one time that do not wait.
            seconds: longest wait.
        """
        self._free = asyncio.Semaphore(usual)
        self._seconds = seconds
        self._stuck = False
        """Whether a wait was in vain, and no turn ended since: a collector may ask for dozens of things in turn."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; go on without one after the longest wait, and at once until a slow request ends."""
        has_turn = True
        if not self._free.locked():
            await self._free.acquire()
        elif self._stuck:
            has_turn = False
        else:
            try:
                async with asyncio.timeout(self._seconds):
                    await self._free.acquire()
            except TimeoutError:
                has_turn, self._stuck = False, True
        try:
            yield
        finally:
            if has_turn:
                self._stuck = False
                self._free.release()
