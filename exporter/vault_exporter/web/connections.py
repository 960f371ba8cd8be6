"""Connections to the exporter: bounded in number, in the time that they take, and in the memory that they hold.

aiohttp bounds what it reads of a request. It does not bound how long a connection sends no whole request, how many
connections there are, how long a client takes to read an answer, or how much of answers waits for clients to read it.

A connection is ended with ``abort()``: ``close()`` waits until the client has read everything.
"""

import asyncio
import contextlib
import resource
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, cast

from aiohttp import http_exceptions, payload, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import PayloadAccessError, RequestPayloadError

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.web.settings import Settings

__all__ = [
    "MOST_BYTES",
    "MOST_CONNECTIONS",
    "SILENT_SECONDS",
    "UNREAD_SECONDS",
    "Connection",
    "Connections",
    "drop",
    "most_connections",
]

MOST_CONNECTIONS: Final = 512
"""Connections at once; beyond, those that have been silent longest are closed."""
SILENT_SECONDS: Final = 60.0
"""How long a connection may take for the headers of a request."""
UNREAD_SECONDS: Final = 30.0
"""How long a client may take to read an answer, unless its scrape timeout says less."""
MOST_BYTES: Final = 64 << 20
"""Memory of answers that clients have not read yet; beyond, those that clients stopped reading first are given up."""

_LOOK_SECONDS: Final = 1.0
_FRESH_SECONDS: Final = 1.0
"""How long a new connection may take for its first request before it counts as silent."""
_PIECE_BYTES: Final = 64 << 10
_MAKING: Final = 4
"""Pages that are made at the same time."""
_CLIENTS_FAULTS: Final = (
    ConnectionError,
    PayloadAccessError,
    RequestPayloadError,
    http_exceptions.HttpProcessingError,
)
"""What aiohttp raises for what a client sends, or does not read."""

_Headers = Callable[[], Iterator[tuple[str, str]]]


def most_connections() -> int:
    """Return how many connections the limit of open files leaves room for.

    Half of the files are kept for targets, audit logs and the rest.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(MOST_CONNECTIONS, soft // 2))


class Connection(web.RequestHandler):
    """One connection.

    Attributes:
        settings: the settings that it was accepted with.
        tls: its TLS, or None for plain HTTP.
        peer: the client's address.
        opened: when it was open, after its handshake.
        since: when its last request ended, or it was opened.
        requests: requests under way.
        handled: requests that began so far.
    """

    __slots__ = ("_headers", "_owner", "handled", "opened", "peer", "requests", "settings", "since", "tls")

    def __init__(
        self,
        manager: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        owner: "Connections",
        settings: Settings,
        headers: _Headers,
    ) -> None:
        # Bodies stay compressed: whoever wants one inflates it, within a bound.
        super().__init__(manager, loop=loop, access_log=None, auto_decompress=False, lingering_time=1.0)  # type: ignore[arg-type]
        self.settings = settings
        self.tls: ssl.SSLObject | None = None
        self.peer = ""
        self.opened = self.since = owner.clock()
        self.requests = self.handled = 0
        self._owner = owner
        self._headers = headers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of a connection whose handshake, if there is one, has succeeded."""
        transport = cast("asyncio.Transport", transport)
        self.tls = transport.get_extra_info("ssl_object")
        self.peer = (transport.get_extra_info("peername") or ("",))[0]
        # A write waits until the kernel has taken what came before. Over TLS a bound of 0 would never end the wait.
        transport.set_write_buffer_limits(high=0 if self.tls is None else 1, low=0)
        super().connection_made(transport)
        self._owner.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take note that the connection is gone."""
        self._owner.remove(self)
        super().connection_lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is no HTTP request, or a defect of ours; only a defect is logged."""
        if isinstance(exc, _CLIENTS_FAULTS):
            if request.writer.output_size > 0:
                raise ConnectionError("the answer has begun")
            response: web.StreamResponse = web.Response(status=400, text="Bad request.\n")
            response.force_close()
        else:
            response = super().handle_error(request, status, exc, message)
        for name, value in self._headers():
            response.headers.setdefault(name, value)
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - as in aiohttp
        """Log a defect of ours; what a client did is none."""
        if not isinstance(kw.get("exc_info"), _CLIENTS_FAULTS):
            super().log_exception(*args, **kw)

    def abort(self) -> None:
        """End the connection at once, whatever the client has read."""
        if self.transport is not None:
            self.transport.abort()


class _Sending:
    """An answer that is being sent."""

    __slots__ = ("progress", "request", "size")

    def __init__(self, request: web.BaseRequest, size: int, now: float) -> None:
        self.request = request
        self.size = size
        self.progress = now


class Connections:
    """Watches over a server's connections.

    Attributes:
        closed: connections that were ended, by reason.
        clock: seconds that never go back.
    """

    def __init__(self, most: int = MOST_CONNECTIONS, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without a connection.

        Args:
            most: connections at once.
            clock: seconds that never go back.
        """
        self.closed: Counter[str] = Counter(dict.fromkeys(("silent", "too_many", "unread", "outdated", "handshake"), 0))
        self.clock = clock
        self._most = most
        self._open: dict[Connection, None] = {}
        self._handling: set[asyncio.Task[Any]] = set()
        self._sending: set[_Sending] = set()
        self._making = asyncio.Semaphore(_MAKING)

    def __len__(self) -> int:
        """Tell how many are open."""
        return len(self._open)

    @property
    def busy(self) -> int:
        """How many have a request under way."""
        return sum(bool(one.requests) for one in self._open)

    def add(self, connection: Connection) -> None:
        """Take note of a connection that is open."""
        self._open[connection] = None

    def remove(self, connection: Connection) -> None:
        """Take note of a connection that is gone."""
        self._open.pop(connection, None)

    def make_room(self, handshakes: int, peer: str) -> bool:
        """End connections until one more has room.

        Silent connections go first, then those whose clients do not read, then those of a client that has more than
        others, and last those that are new and have not sent a request yet.

        Args:
            handshakes: connections beside the open ones.
            peer: the address of the client that wants one more.

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
        """Return the oldest connection of the client that has most, if this one has fewer."""
        held = Counter(one.peer for one in self._open)
        if not held:
            return None
        greediest, most = held.most_common(1)[0]
        if held[peer] + 1 >= most:
            return None
        return min((one for one in self._open if one.peer == greediest), key=lambda one: one.opened)

    def end_silent(self) -> None:
        """End the connection that is silent longest: no file can be opened."""
        idle = [one for one in self._open if not one.requests]
        if idle:
            self._abort(min(idle, key=lambda one: one.since), "too_many")

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note that a connection has a request under way, and send the answer within bounds."""
        with self._under_way(request.protocol):
            response = await handler(request)
            await self.send(request, response)
            return response

    @contextlib.asynccontextmanager
    async def making_page(self) -> AsyncIterator[None]:
        """Wait until no more than a few others make a page: each takes several times the page's memory."""
        async with self._making:
            yield

    async def send(
        self, request: web.Request, response: web.StreamResponse, seconds: float = UNREAD_SECONDS, weight: int = 1
    ) -> bool:
        """Send an answer; give it up, and end the connection, if the client does not read it.

        Args:
            request: what is answered.
            response: the answer; one that was sent already is left alone.
            seconds: how long it may take.
            weight: the memory that is held until it is sent, as a multiple of its body.

        Returns:
            whether the system has taken all of it but the last 64 KiB.
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
        return request.transport is not None and not request.transport.is_closing()

    async def watch(self, is_outdated: Callable[[Connection], bool]) -> None:
        """Look at the connections every second, until cancelled.

        Args:
            is_outdated: whether the settings allow a connection no more.
        """
        while True:
            self.look(is_outdated)
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self, is_outdated: Callable[[Connection], bool]) -> None:
        """End what has to go."""
        now = self.clock()
        for one in [one for one in self._open if not one.requests]:
            if now - one.since >= SILENT_SECONDS:
                self._abort(one, "silent")
            elif is_outdated(one):
                self._abort(one, "outdated")

    async def drain(self, seconds: float) -> None:
        """Let the requests under way end within so many seconds, and cancel those that do not."""
        if self._handling:
            _, late = await asyncio.wait(self._handling, timeout=seconds)
            for task in late:
                task.cancel()

    def abort(self) -> None:
        """End all connections."""
        for one in [*self._open]:
            one.abort()

    def samples(self) -> Iterator[Sample]:
        """Yield how many were ended."""
        for reason, count in self.closed.items():
            yield c.WEB_CLOSED(count, reason)

    @contextlib.contextmanager
    def _under_way(self, connection: object) -> Iterator[None]:
        if (task := asyncio.current_task()) is not None:
            self._handling.add(task)  # aiohttp makes one for each request
            task.add_done_callback(self._handling.discard)
        if not isinstance(connection, Connection):
            yield
            return
        connection.requests += 1
        connection.handled += 1
        try:
            yield
        finally:
            connection.requests -= 1
            connection.since = self.clock()

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
    """End a request's connection without an answer, so that its client sends the request again in another one."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


class _Pieces(payload.Payload):
    """A body that is written in pieces, each when the system has taken the one before."""

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
