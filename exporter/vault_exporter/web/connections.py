"""Connections to the exporter, with limits of their number, time and memory.

aiohttp limits the size of a request. It does not limit the number of connections, the time until a request is complete,
the time that a client takes to read a response, or the memory of unread responses.

Connections are closed with ``abort()``, because ``close()`` waits until the client has read everything.
"""

import asyncio
import contextlib
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from aiohttp import payload, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.typedefs import Handler

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.web.connection import Connection

__all__ = [
    "MOST_BYTES",
    "MOST_CONNECTIONS",
    "SILENT_SECONDS",
    "UNREAD_SECONDS",
    "Connections",
    "drop",
    "most_connections",
]

MOST_CONNECTIONS: Final = 512
"""Limit of open connections. Above it, the connections that are idle longest are closed."""
SILENT_SECONDS: Final = 60.0
"""Seconds in which a connection must send the headers of a request."""
UNREAD_SECONDS: Final = 30.0
"""Seconds in which a client must read a response, unless its scrape timeout is shorter."""
MOST_BYTES: Final = 64 << 20
"""Limit of memory for unread responses. Above it, the responses that stalled first are dropped."""

_LOOK_SECONDS: Final = 1.0
_FRESH_SECONDS: Final = 1.0
"""Seconds after which a new connection without a request counts as idle."""
_STALLED_SECONDS: Final = 0.5
"""Seconds without progress after which a response is dropped at shutdown."""
_DRAIN_LOOK_SECONDS: Final = 0.1
_PIECE_BYTES: Final = 64 << 10
_REASONS: Final = ("silent", "too_many", "unread", "outdated", "handshake", "flood")
_MAKING: Final = 4
"""Number of pages rendered at the same time."""


def most_connections() -> int:
    """Return the limit of connections, from the limit of open files.

    Half of the files are reserved for targets, audit logs and the rest.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(MOST_CONNECTIONS, soft // 2))


class _Sending:
    """A response that is being sent."""

    __slots__ = ("progress", "request", "size")

    def __init__(self, request: web.BaseRequest, size: int, now: float) -> None:
        self.request = request
        self.size = size
        self.progress = now


class Connections:
    """The open connections of the server, and their limits.

    Attributes:
        closed: number of closed connections by reason.
        clock: monotonic time in seconds.
    """

    def __init__(self, most: int = MOST_CONNECTIONS, clock: Callable[[], float] = time.monotonic) -> None:
        """Create the registry without connections.

        Args:
            most: limit of open connections.
            clock: monotonic time in seconds.
        """
        self.closed: Counter[str] = Counter(dict.fromkeys(_REASONS, 0))
        self.clock = clock
        self._most = most
        self._open: dict[Connection, None] = {}
        self._handling: set[asyncio.Task[Any]] = set()
        self._sending: set[_Sending] = set()
        self._making = asyncio.Semaphore(_MAKING)

    def __len__(self) -> int:
        """Return the number of open connections."""
        return len(self._open)

    @property
    def busy(self) -> int:
        """Number of connections with a request in flight."""
        return sum(bool(one.requests) for one in self._open)

    def add(self, connection: Connection) -> None:
        """Add an open connection."""
        self._open[connection] = None

    def remove(self, connection: Connection) -> None:
        """Remove a closed connection."""
        self._open.pop(connection, None)

    def end_flood(self, connection: Connection) -> None:
        """Close a connection that is flooded with tiny lines or chunks."""
        self._abort(connection, "flood")

    def make_room(self, handshakes: int, peer: str) -> bool:
        """Close connections until there is room for one more.

        The order is: idle connections, connections with a stalled response, connections of the client that has more
        than the new one, and new connections without a request.

        Args:
            handshakes: connections in the handshake, which count in addition to the open ones.
            peer: the address of the new client.

        Returns:
            whether there is room.
        """
        for _ in range(len(self._open) + handshakes + 1 - self._most):
            idle = sorted((one for one in self._open if not one.requests), key=lambda one: one.since)
            fresh = self.clock() - _FRESH_SECONDS
            silent = [one for one in idle if one.handled or one.opened <= fresh]
            unread = [one for one in self._sending if one.progress <= fresh]
            if silent:
                self._abort(silent[0], "too_many")
            elif unread:
                self._give_up(min(unread, key=lambda one: one.progress), "too_many")
            elif (oldest := self._oldest_of_greediest(peer)) is not None:
                self._abort(oldest, "too_many")
            elif idle:
                self._abort(idle[0], "too_many")
            else:
                return False
        return True

    def _oldest_of_greediest(self, peer: str) -> Connection | None:
        """Return the oldest connection of the client with the most connections, if the new client has fewer."""
        held = Counter(one.peer for one in self._open)
        if not held:
            return None
        greediest, most = held.most_common(1)[0]
        if held[peer] + 1 >= most:
            return None
        return min((one for one in self._open if one.peer == greediest), key=lambda one: one.opened)

    def end_silent(self) -> None:
        """Close the connection that is idle longest, because no file can be opened."""
        idle = [one for one in self._open if not one.requests]
        if idle:
            self._abort(min(idle, key=lambda one: one.since), "too_many")

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count the request as in flight, and send its response within the limits."""
        with self._under_way(request.protocol):
            response = await handler(request)
            await self.send(request, response)
            return response

    def making_page(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Wait for a slot to render a page. Rendering takes several times the page's memory."""
        return self._making

    async def send(
        self, request: web.Request, response: web.StreamResponse, seconds: float = UNREAD_SECONDS, weight: int = 1
    ) -> bool:
        """Send a response. Close the connection if the client does not read it in time.

        Args:
            request: the request.
            response: the response. Nothing happens if it has been sent already.
            seconds: time limit in seconds.
            weight: memory held until the response is sent, as a multiple of the body's size.

        Returns:
            whether the kernel has taken all of it except the last 64 KiB.
        """
        if response.prepared:
            return True
        body = response.body if isinstance(response, web.Response) else None
        sending = _Sending(request, len(body) * weight if isinstance(body, bytes) else 0, self.clock())
        if isinstance(response, web.Response) and isinstance(body, bytes) and len(body) > _PIECE_BYTES:
            response.body = _Pieces(body, lambda: setattr(sending, "progress", self.clock()))
        while self._sending and sum(one.size for one in self._sending) + sending.size > MOST_BYTES:
            self._give_up(min(self._sending, key=lambda one: one.progress), "unread")
        self._sending.add(sending)
        try:
            async with asyncio.timeout(seconds):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            self._give_up(sending, "unread")
            return False
        except ConnectionError:
            return False
        finally:
            self._sending.discard(sending)
            if isinstance(response, web.Response):
                response.body = None  # aiohttp keeps the response until the next request of the connection
        return request.transport is not None and not request.transport.is_closing()

    async def watch(self, is_outdated: Callable[[Connection], bool]) -> None:
        """Check the connections every second, until cancelled.

        Args:
            is_outdated: returns whether a connection no longer meets the settings.
        """
        while True:
            self.look(is_outdated)
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self, is_outdated: Callable[[Connection], bool]) -> None:
        """Close connections that exceed a limit or no longer meet the settings."""
        now = self.clock()
        for one in [one for one in self._open if not one.requests]:
            if now - one.since >= SILENT_SECONDS:
                self._abort(one, "silent")
            elif is_outdated(one):
                self._abort(one, "outdated")

    async def drain(self, seconds: float) -> None:
        """Wait up to ``seconds`` for requests in flight, then cancel the remaining ones.

        Clients that do not read are not waited for: their responses are dropped once they stall.
        """
        end, waiting = self.clock() + seconds, set(self._handling)
        while waiting and (left := end - self.clock()) > 0:
            stalled = self.clock() - _STALLED_SECONDS
            for one in [one for one in self._sending if one.progress <= stalled]:
                self._give_up(one, "unread")
            _, waiting = await asyncio.wait(waiting, timeout=min(left, _DRAIN_LOOK_SECONDS))
        for task in waiting:
            task.cancel()

    def abort(self) -> None:
        """Close all connections."""
        for one in [*self._open]:
            one.abort()

    def samples(self) -> Iterator[Sample]:
        """Yield the counters of closed connections."""
        for reason, count in self.closed.items():
            yield c.WEB_CLOSED(count, reason)

    @contextlib.contextmanager
    def _under_way(self, connection: object) -> Iterator[None]:
        if (task := asyncio.current_task()) is not None:
            self._handling.add(task)  # aiohttp creates one task for each request
            task.add_done_callback(self._handling.discard)
        if not isinstance(connection, Connection):
            yield
            return
        connection.requests += 1
        connection.handled += 1
        try:
            yield
        finally:
            connection.request_ended()

    def _give_up(self, sending: _Sending, reason: str) -> None:
        self._sending.discard(sending)
        if sending.request.transport is not None:
            self.closed[reason] += 1
            sending.request.transport.abort()

    def _abort(self, connection: Connection, reason: str) -> None:
        self._open.pop(connection, None)
        self.closed[reason] += 1
        connection.abort()


def drop(request: web.Request) -> web.Response:
    """Close a request's connection without a response, so that the client retries on a new connection."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


class _Pieces(payload.Payload):
    """A body written in pieces. Each piece waits until the kernel has taken the one before."""

    def __init__(self, body: bytes, progress: Callable[[], None]) -> None:
        super().__init__(body)
        self._size = len(body)
        self._body = memoryview(body)
        self._progress = progress

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text."""
        return bytes(self._body).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        for start in range(0, len(self._body), _PIECE_BYTES):
            await writer.write(self._body[start : start + _PIECE_BYTES])
            await writer.drain()
            self._progress()
