"""Work on the token of one target: logins, checks and renewals, one at a time, and the timer of the next renewal."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

__all__ = ["TokenWork", "Work"]

Work = Callable[[], Coroutine[Any, Any, bool]]

_SHORTEST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 7 * 86_400.0
"""In seconds; the event loop's timer has a limit."""


class TokenWork:
    """Runs work in a task of its own, so that it continues if the scrape that started it ends."""

    def __init__(self, log: structlog.BoundLogger) -> None:
        """Start nothing. Internal errors of the work are logged to ``log``."""
        self._log = log
        self._task: asyncio.Task[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether work is running."""
        return self._task is not None

    async def share(self, work: Work) -> bool:
        """Run ``work``, or wait for the work that is already running. Cancelling a caller does not stop the work."""
        return await asyncio.shield(self._task or self.start(work))

    def start(self, work: Work) -> asyncio.Task[bool]:
        """Run ``work`` in the background. Nothing else may be running."""
        self._task = asyncio.create_task(work())
        self._task.add_done_callback(self._done)
        return self._task

    def schedule(self, seconds: float, due: Callable[[], None]) -> None:
        """Call ``due`` after this time, between a second and a week, and not what was scheduled before."""
        self.unschedule()
        seconds = min(max(seconds, _SHORTEST_DELAY), _LONGEST_DELAY)
        self._timer = asyncio.get_running_loop().call_later(seconds, due)

    def unschedule(self) -> None:
        """Forget what is scheduled."""
        if self._timer is not None:
            self._timer.cancel()

    async def stop(self) -> None:
        """Cancel what is scheduled and what is running, and wait for its end."""
        self.unschedule()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _done(self, task: asyncio.Task[bool]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("login failed with an internal error", error=type(error).__name__)
