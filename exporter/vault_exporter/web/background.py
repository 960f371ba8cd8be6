"""Tasks that run beside the server; one that ends by a defect is noticed."""

import asyncio
import traceback
from collections.abc import Coroutine
from functools import partial
from pathlib import Path

import structlog

__all__ = ["Background"]

_log = structlog.get_logger(__name__)


class Background:
    """Running tasks.

    Attributes:
        failed: names of those that ended by an exception.
    """

    def __init__(self) -> None:
        self.failed: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, coroutine: Coroutine[None, None, None]) -> None:
        """Run something until it ends or is cancelled.

        Args:
            name: what it does, for people.
            coroutine: what to run.
        """
        task = asyncio.create_task(coroutine)
        task.add_done_callback(partial(self._ended, name))
        self._tasks.append(task)

    async def cancel(self) -> None:
        """End all and wait for that."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, name: str, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        self.failed.append(name)
        # Not the error's own text, which may quote what was read.
        where = traceback.extract_tb(error.__traceback__)[-1]
        _log.error(
            "a task ended by a defect; its metrics stand still",
            task=name,
            error=f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}",
            remedy="restart vault-exporter, and report this as a defect",
        )
