"""A token bucket that limits the requests to a node, for the key ``rate_limit`` of a target."""

import asyncio
from collections.abc import Callable

from vault_exporter.config.schema.model import RateLimit

__all__ = ["RateLimiter"]


class RateLimiter:
    """Delays requests, in order, to keep the limit. Kept between scrapes: the time at which the bucket is full."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] | None = None) -> None:
        """Start with a full bucket.

        Args:
            limit: requests per second, and burst.
            clock: monotonic time in seconds; by default the running loop's.
        """
        self._interval = 1 / limit.rate
        self._slack = self._interval * (limit.burst - 1)
        self._clock = clock or asyncio.get_running_loop().time
        self._full_at = 0.0

    def reserve(self) -> float:
        """Reserve the next slot; return the seconds until it."""
        now = self._clock()
        start = max(self._full_at, now)
        self._full_at = start + self._interval
        return max(start - self._slack - now, 0.0)

    async def wait(self) -> None:
        """Wait for the next slot."""
        if seconds := self.reserve():
            await asyncio.sleep(seconds)
