"""The listening socket.

aiohttp's sites and asyncio's servers listen with one TLS context for their lifetime. This listener applies the current
settings to each new connection, so TLS can be switched on, off and reconfigured without a restart or a closed socket.
Each version of the settings has its own TLS context, so session tickets of earlier settings are invalid.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy

from vault_exporter.web.auth import Guard
from vault_exporter.web.connection import Connection
from vault_exporter.web.connections import Connections
from vault_exporter.web.settings import SettingsFile

__all__ = ["EXPECTS", "Listener"]

EXPECTS: Final = "expects_continue"
"""Key of a request whose client waits for ``100 Continue`` before it sends the body."""

_BACKLOG: Final = 512
_SEND_BYTES: Final = 128 << 10
"""Size of the kernel's send buffer in bytes; the kernel doubles it.

By default the kernel buffers megabytes for a client that reads nothing, and the response seems to be received.
"""
_RECEIVE_BYTES: Final = 32 << 10
"""Size of the kernel's receive buffer in bytes; the kernel doubles it.

By default the kernel buffers megabytes, and the event loop reads them from one client in a single turn.
"""
_AT_ONCE: Final = 64
"""Connections accepted in one turn of the event loop."""
_HANDSHAKE_SECONDS: Final = 10.0
_SHUTDOWN_SECONDS: Final = 2.0
"""Seconds for the TLS shutdown."""
_RETRY_SECONDS: Final = 0.1
_USED_UP: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_NO_SUCH_FAMILY: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})

_log = structlog.get_logger(__name__)


class Listener:
    """Accepts connections with the current settings."""

    def __init__(self, file: SettingsFile, guard: Guard, connections: Connections) -> None:
        """Create the listener without opening a socket.

        Args:
            file: the settings in force.
            guard: adds the headers of responses.
            connections: the open connections.
        """
        self._file = file
        self._guard = guard
        self._connections = connections
        self._sockets: list[socket.socket] = []
        self._handshakes: dict[asyncio.Task[None], socket.socket | None] = {}
        """Handshakes by task. The socket is None once the handshake has begun and the transport owns it."""
        self._make: Callable[..., Connection] | None = None
        self._is_used_up = False

    @property
    def port(self) -> int:
        """The listening port."""
        port: int = self._sockets[0].getsockname()[1]
        return port

    async def start(self, server: web.Server, host: str, port: int) -> None:
        """Start listening.

        Args:
            server: aiohttp's request handler.
            host: a host name or address; empty for all addresses.
            port: the port; 0 for a free one.

        Raises:
            OSError: the address cannot be used.
        """
        loop = asyncio.get_running_loop()
        server.request_factory = _without_expect(server.request_factory)
        self._make = lambda settings: Connection(
            server, loop=loop, owner=self._connections, settings=settings, headers=self._guard.headers
        )
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        error: OSError | None = None
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                self._sockets.append(_listening(family, kind, protocol, address))
            except OSError as failed:
                error = failed
                if failed.errno not in _NO_SUCH_FAMILY:
                    break
        if not self._sockets or (error is not None and error.errno not in _NO_SUCH_FAMILY):
            await self.close()
            raise error or OSError(errno.EADDRNOTAVAIL, "no such address")
        for listening in self._sockets:
            loop.add_reader(listening.fileno(), self._accept, listening)

    async def close(self) -> None:
        """Stop listening, and abort handshakes."""
        loop = asyncio.get_running_loop()
        for listening in self._sockets:
            loop.remove_reader(listening.fileno())
            listening.close()
        self._sockets.clear()
        for task in self._handshakes:
            task.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _USED_UP:
                    self._wait(listening)
                return
            self._is_used_up = False
            self._take(accepted, str(address[0]))

    def _take(self, accepted: socket.socket, peer: str) -> None:
        """Start the handshake of an accepted connection, or close it if there is no room."""
        handshakes = sum(not task.cancelling() for task in self._handshakes)
        if not self._connections.make_room(handshakes, peer) and not self._end_a_handshake():
            self._connections.closed["too_many"] += 1
            accepted.close()
            return
        accepted.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._connect(accepted))
        self._handshakes[task] = accepted
        task.add_done_callback(self._forget)

    def _end_a_handshake(self) -> bool:
        """Abort the oldest handshake."""
        oldest = next((task for task in self._handshakes if not task.cancelling()), None)
        if oldest is None:
            return False
        self._connections.closed["too_many"] += 1
        oldest.cancel()
        return True

    def _forget(self, task: "asyncio.Task[None]") -> None:
        not_given_away = self._handshakes.pop(task)
        if not_given_away is not None:
            not_given_away.close()

    async def _connect(self, accepted: socket.socket) -> None:
        task, make = asyncio.current_task(), self._make
        assert task is not None and make is not None  # noqa: S101, PT018 - it listens
        self._handshakes[task] = None
        settings = self._file.current()
        bounds: dict[str, Any] = {}
        if settings.tls is not None:
            bounds = {
                "ssl": settings.tls.context,
                "ssl_handshake_timeout": _HANDSHAKE_SECONDS,
                "ssl_shutdown_timeout": _SHUTDOWN_SECONDS,
            }
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: make(settings), accepted, **bounds)
        except OSError:  # includes TLS errors and the handshake timeout
            self._connections.closed["handshake"] += 1

    def _wait(self, listening: socket.socket) -> None:
        """Close idle connections because no file can be opened, and accept again later."""
        if not self._is_used_up:
            self._is_used_up = True
            _log.warning("too many open files; a connection has to wait", remedy="raise the limit of open files")
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening.fileno())
        self._connections.end_silent()
        loop.call_later(_RETRY_SECONDS, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            asyncio.get_running_loop().add_reader(listening.fileno(), self._accept, listening)


def _listening(family: int, kind: int, protocol: int, address: Any) -> socket.socket:  # noqa: ANN401 - of a family
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)  # inherited by accepted sockets
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(_BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _without_expect(factory: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """Keep aiohttp from sending ``100 Continue`` before the request's credential is checked."""

    def make(message: RawRequestMessage, *others: Any) -> web.BaseRequest:  # noqa: ANN401 - as in aiohttp
        expect = message.headers.get("Expect")
        if expect is None:
            return factory(message, *others)
        headers = CIMultiDict(message.headers)
        del headers["Expect"]
        request = factory(message._replace(headers=CIMultiDictProxy(headers)), *others)
        request[EXPECTS] = expect.lower() == "100-continue"
        return request

    return make
