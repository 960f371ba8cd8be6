"""Connections to the exporter, bounded in number and in how long they may say nothing.

aiohttp closes a connection that is idle after a request. One that never sends a whole request it keeps for ever, and
any number of them.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["MOST_CONNECTIONS", "SILENT_SECONDS", "Connections"]

MOST_CONNECTIONS: Final = 512
"""Connections at once; beyond, those that have been silent longest are closed."""
SILENT_SECONDS: Final = 60.0
"""How long a connection may take for the headers of a request."""

_LOOK_SECONDS: Final = 1.0


class _State:
    """Of one connection: the requests under way, and when the last one ended, or the connection was first seen."""

    __slots__ = ("requests", "since")

    def __init__(self, since: float) -> None:
        self.requests = 0
        self.since = since


class Connections:
    """Watches over a server's connections.

    Attributes:
        closed: how many were closed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.closed = 0
        self._clock = clock
        self._states: dict[object, _State] = {}
        self._handling: set[asyncio.Task[Any]] = set()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note that a connection has a request under way."""
        state = self._state(request.protocol)
        state.requests += 1
        if (task := asyncio.current_task()) is not None:
            self._handling.add(task)  # aiohttp makes one for each request
            task.add_done_callback(self._handling.discard)
        try:
            return await handler(request)
        finally:
            state.requests -= 1
            state.since = self._clock()

    async def watch(self, server: web.Server | None) -> None:
        """Look at a server's connections every second, until cancelled; None is one that is not set up."""
        while server is not None:
            self.look(server)
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self, server: web.Server) -> None:
        """Close what has to go."""
        now, connections = self._clock(), server.connections
        self._states = {one: self._state(one) for one in connections}
        silent = [(self._states[one].since, one) for one in connections if not self._states[one].requests]
        silent.sort(key=lambda pair: pair[0])
        too_many = len(connections) - MOST_CONNECTIONS
        for number, (since, one) in enumerate(silent):
            if number < too_many or now - since >= SILENT_SECONDS:
                self._close(one)

    async def drain(self, seconds: float) -> None:
        """Let the requests under way end within so many seconds, and cancel those that do not."""
        if self._handling:
            _, late = await asyncio.wait(self._handling, timeout=seconds)
            for task in late:
                task.cancel()

    def samples(self) -> Iterator[Sample]:
        """Yield how many were closed."""
        yield c.WEB_CLOSED(self.closed)

    def _state(self, connection: object) -> _State:
        state = self._states.get(connection)
        if state is None:
            state = self._states[connection] = _State(self._clock())
        return state

    def _close(self, connection: RequestHandler) -> None:
        if connection.transport is not None:
            connection.transport.close()
            self.closed += 1
