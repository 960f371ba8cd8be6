"""Stop the process in time after SIGTERM or SIGINT, whatever hangs.

A system call on a hung file system can block a thread for good. If it blocks the event loop, the loop does not see the
signal; if it blocks a thread of an executor, the interpreter waits for that thread. So a thread of its own waits for
the signal, tells the event loop, and ends the process if it is still there after a time limit.
"""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

__all__ = ["StopSignals"]

_NUMBERS: Final = (signal.SIGTERM, signal.SIGINT)

_log = structlog.get_logger(__name__)


class StopSignals:
    """Takes over the signals of the process that stop it."""

    def __init__(self, seconds: float) -> None:
        """Take over the signals. Call this in the main thread, before there is another one.

        Until :meth:`tell`, a signal ends the process at once.

        Args:
            seconds: time limit for the process to end after the signal.
        """
        self._seconds = seconds
        self._lock = threading.Lock()
        self._notify: Callable[[], object] | None = None
        signal.pthread_sigmask(signal.SIG_BLOCK, _NUMBERS)  # threads inherit it
        threading.Thread(target=self._wait, name="stop signals", daemon=True).start()

    def tell(self, event: asyncio.Event) -> None:
        """Set an event of the running event loop when the signal comes."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._notify = lambda: loop.call_soon_threadsafe(event.set)

    def _wait(self) -> None:
        signal.sigwait(_NUMBERS)
        with self._lock:
            notify = self._notify
            if notify is None:
                os._exit(0)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            notify()
        time.sleep(self._seconds)
        _log.warning("stopping takes too long; the process ends now", seconds=self._seconds)
        os._exit(0)
