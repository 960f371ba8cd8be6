"""How fast requests are sent to a node, where its target has a ``rate_limit``: a token bucket."""

import asyncio
from collections.abc import Callable

from vault_exporter.config.schema.model import RateLimit

__all__ = ["RateLimiter"]


class RateLimiter:
    """Lets requests pass, in their order, as fast as the limit allows. Kept: when the bucket is full again."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] | None = None) -> None:
        """Begin with a full bucket.

        Args:
            limit: requests a second, and at once.
            clock: seconds that only grow; by default the running loop's.
        """
        self._interval = 1 / limit.rate
        self._slack = self._interval * (limit.burst - 1)
        self._clock = clock or asyncio.get_running_loop().time
        self._full_at = 0.0

    def reserve(self) -> float:
        """Take the next place; return how many seconds to wait for it."""
        now = self._clock()
        start = max(self._full_at, now)
        self._full_at = start + self._interval
        return max(start - self._slack - now, 0.0)

    async def wait(self) -> None:
        """Wait for the next place."""
        if seconds := self.reserve():
            await asyncio.sleep(seconds)
