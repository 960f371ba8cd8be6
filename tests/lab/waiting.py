"""Waiting for conditions, with room for a machine that is busy with other things.

A limit in a test is there so that nothing waits for ever. It says nothing about speed, which is measured in ``bench/``.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Final

from vault_exporter.demo.process import wait_until as wait_until_within

__all__ = ["PATIENCE", "eventually", "wait_until"]

PATIENCE: Final = 240.0
"""Seconds that anything may take, on the slowest machine: less than a whole test may, so that the message says what."""


def wait_until(condition: Callable[[], bool], *, what: str, interval: float = 0.05) -> None:
    """Wait until the condition holds.

    Raises:
        ServiceError: it does not hold after :data:`PATIENCE`.
    """
    wait_until_within(condition, timeout=PATIENCE, what=what, interval=interval)


async def eventually(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]], *, what: str, interval: float = 0.01
) -> None:
    """Wait until the condition holds, while the event loop goes on.

    Raises:
        TimeoutError: it does not hold after :data:`PATIENCE`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while True:
        held = condition()
        if await held if inspect.isawaitable(held) else held:
            return
        if loop.time() > deadline:
            raise TimeoutError(f"{what}: not so after {PATIENCE:g} s")
        await asyncio.sleep(interval)
