"""Lets scrapes that are asked for at once begin one after the other.

A running scrape takes a hundred kilobytes. If hundreds begin at once, all of them end at the end, and the memory that
they took stays with the process.
"""

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["Turns"]

_MOST: Final = 32
"""Scrapes at the beginning at one time."""
_SECONDS: Final = 0.1
"""Longest time that a scrape counts as one at its beginning, so that nodes that hang do not hold up the others.

So at least 320 scrapes begin in a second, which is more than a core can make.
"""
_LONGEST_WAIT: Final = 1 / 3
"""Longest wait for a turn, as a part of the time until the deadline."""


class Turns:
    """The turns of all targets. Make it inside a running event loop."""

    def __init__(self, most: int = _MOST, seconds: float = _SECONDS) -> None:
        self._free = asyncio.Semaphore(most)
        self._seconds = seconds

    async def begin(self, deadline: float) -> Callable[[], None]:
        """Wait for a turn; return what to call at the end of the scrape.

        Args:
            deadline: of the scrape, in the loop's time. It begins without a turn if it waited for a third of the time.
        """
        loop = asyncio.get_running_loop()
        if self._free.locked():
            try:
                async with asyncio.timeout((deadline - loop.time()) * _LONGEST_WAIT):
                    await self._free.acquire()
            except TimeoutError:
                return _nothing
        else:
            await self._free.acquire()
        return _Turn(self._free, self._seconds).end


class _Turn:
    """A turn of one scrape. It ends by itself after some seconds."""

    def __init__(self, free: asyncio.Semaphore, seconds: float) -> None:
        self._free: asyncio.Semaphore | None = free
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def end(self) -> None:
        """End the turn, unless it has ended."""
        self._timer.cancel()
        if self._free is not None:
            self._free.release()
            self._free = None


def _nothing() -> None:
    """End a scrape that had no turn."""
