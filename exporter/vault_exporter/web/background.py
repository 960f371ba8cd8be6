"""Background tasks. A task that fails is logged and makes the exporter unhealthy."""

import asyncio
import traceback
from collections.abc import Coroutine
from functools import partial
from pathlib import Path

import structlog

__all__ = ["Background"]

_log = structlog.get_logger(__name__)


class Background:
    """The background tasks.

    Attributes:
        failed: names of the tasks that raised an exception.
    """

    def __init__(self) -> None:
        self.failed: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, coroutine: Coroutine[None, None, None]) -> None:
        """Start a task.

        Args:
            name: the name in logs and in ``failed``.
            coroutine: the work.
        """
        task = asyncio.create_task(coroutine)
        task.add_done_callback(partial(self._ended, name))
        self._tasks.append(task)

    async def cancel(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, name: str, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        self.failed.append(name)
        # The error's own text may quote audit data.
        where = traceback.extract_tb(error.__traceback__)[-1]
        _log.error(
            "background task failed; its metrics are no longer updated",
            task=name,
            error=f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}",
            remedy="restart vault-exporter, and report this as a defect",
        )
