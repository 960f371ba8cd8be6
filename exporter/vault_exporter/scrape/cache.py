"""Caches readings that are expensive for the node: they are made at intervals and shown until the next one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.util.defects import internal_error
from vault_exporter.vault.client import VaultError
from vault_exporter.vault.errors import forget_frames

__all__ = ["CachedReading"]

_RETRY_SECONDS: Final = 10.0
"""Seconds from a failure to the next try; the interval if that is shorter."""
_LONGEST_SECONDS: Final = 120.0
"""Longest duration of a reading; it may outlast the scrape that started it."""
_PATIENCE_SECONDS: Final = 2.0
"""Seconds that a scrape waits for a new reading if there is an old one."""
_MARGIN_SECONDS: Final = 0.05
"""Seconds of the scrape reserved for showing the old reading if the new one takes longer."""

_log = structlog.get_logger(__name__)


class CachedReading:
    """The last good reading of one collector of one target, and the reading under way.

    Kept between scrapes: the samples of the last good reading, until the next, or until :meth:`forget`.
    """

    def __init__(self, interval: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.samples: tuple[Sample, ...] = ()
        self.taken: float | None = None
        """Unix time of the last good reading, in seconds; None if there was none."""
        self._interval = interval
        self._clock = clock
        self._due = clock()
        self._failure: VaultError | None = None
        self._reading: asyncio.Task[None] | None = None

    async def refresh(self, read: Callable[[], Awaitable[Iterable[Sample]]], seconds: float) -> None:
        """Start a new reading if it is due, and wait up to ``seconds`` for it.

        A reading that takes longer goes on, and a later scrape shows it.

        Raises:
            VaultError: the last reading failed, or there was none yet.
        """
        if self._reading is None and self._clock() >= self._due:
            self._reading = asyncio.create_task(self._read(read))
        if self._reading is not None:
            left = max(0.0, seconds - _MARGIN_SECONDS)
            # Where there is something to show, the page need not wait long for something newer.
            await asyncio.wait({self._reading}, timeout=left if self.taken is None else min(left, _PATIENCE_SECONDS))
        if self._failure is not None:
            raise self._failure.with_traceback(None)  # the traceback would grow with each scrape
        if self.taken is None:
            raise VaultError(Reason.TIMEOUT, "the first reading takes longer than a scrape; it goes on")

    async def forget(self) -> None:
        """Cancel the running reading and drop the last one, since the collector no longer applies to the node."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None  # one that was not yet begun did not get to say that it has ended
        self.samples, self.taken, self._failure, self._due = (), None, None, self._clock()

    async def _read(self, read: Callable[[], Awaitable[Iterable[Sample]]]) -> None:
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                samples = tuple(await read())
        except VaultError as error:
            self._failed(error)
        except TimeoutError:
            self._failed(VaultError(Reason.TIMEOUT, f"no end after {_LONGEST_SECONDS:g} s"))
        except Exception as error:  # noqa: BLE001 - our own mistake, too, costs one collector and not the page
            _log.exception("collector broke")
            self._failed(VaultError(Reason.OTHER, internal_error(error)))
        else:
            self.samples, self.taken, self._failure = samples, time.time(), None
            self._due = self._clock() + self._interval
        finally:
            self._reading = None

    def _failed(self, error: VaultError) -> None:
        forget_frames(error)
        self._failure = error
        self._due = self._clock() + min(self._interval, _RETRY_SECONDS)
