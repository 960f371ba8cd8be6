"""Share the event loop's time among the connections of an input.

uvloop reads up to 32 times from a connection before it lets others run, and splitting many tiny lines takes long. So
the connections of an input have a common budget of time per turn of the loop. A connection that uses it up is paused,
and the paused ones go on one after the other, one in each turn.
"""

import asyncio
import collections
import time
from typing import Final

__all__ = ["Turns"]

_SECONDS: Final = 0.002


class Turns:
    """The budget of one input."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._paused: collections.deque[asyncio.ReadTransport] = collections.deque()
        self._is_scheduled = False

    def spend(self, transport: asyncio.ReadTransport, began: float) -> None:
        """Note that data of a connection was processed; pause the connection if the budget is used up.

        Args:
            transport: the connection.
            began: when the processing began, as ``time.perf_counter()``.
        """
        self._spent += time.perf_counter() - began
        if self._spent >= _SECONDS and not transport.is_closing() and transport.is_reading():
            transport.pause_reading()
            self._paused.append(transport)
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._is_scheduled, self._spent = False, 0.0
        while self._paused:
            transport = self._paused.popleft()
            if not transport.is_closing():
                transport.resume_reading()
                break
        if self._paused:
            self._schedule()
