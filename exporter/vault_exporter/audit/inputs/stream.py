"""Stream connections: Vault's ``socket`` audit device, and syslog over TCP.

An idle Vault's connection may be silent for days, so there is no idle timeout. The limits are the number of
connections, the age of a partial line, and the memory of all lines. If all connections are in use, a new one replaces a
connection that never sent a line, or else the one that is idle longest. So a client that holds connections open cannot
lock Vault out. Vault reconnects at its next write.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Final, cast

from vault_exporter.audit.inputs.line_buffer import LineBuffer, Splitter
from vault_exporter.audit.inputs.sockets import (
    UNFINISHED_SECONDS,
    Refusal,
    allows,
    most_files,
    open_socket,
    refusal_samples,
    remove_socket,
)
from vault_exporter.audit.inputs.turns import Turns
from vault_exporter.config.schema.inputs import Listening, Scheme
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["StreamInput"]

_BACKLOG: Final = 512
_AT_ONCE_BYTES: Final = 16 << 10
"""Bytes read from a connection at once. Splitting many short lines takes time."""


class StreamInput:
    """A server that receives lines on its connections.

    Attributes:
        label: the value of the label ``log``.
        buffer: the received lines.
        up: whether the socket is open.
        accepted: number of accepted connections.
        refused: number of refused or closed connections by reason.
        open: the open connections.
        turns: the time that the connections may take.
    """

    def __init__(
        self,
        name: str,
        settings: Listening,
        max_line_bytes: int,
        make_splitter: Callable[[LineBuffer], Splitter],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.label = name
        self.buffer = LineBuffer(settings.max_waiting_bytes, max_line_bytes)
        self.up = False
        self.accepted = 0
        self.refused = dict.fromkeys((Refusal.NOT_ALLOWED, Refusal.TOO_MANY, Refusal.UNFINISHED), 0)
        self.open: set[_Connection] = set()
        self._settings = settings
        self._make_splitter = make_splitter
        self._clock = clock
        self._looked = clock()
        self._most = settings.max_connections
        self._server: asyncio.Server | None = None
        self.turns = Turns()

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        self._most = min(self._settings.max_connections, most_files())
        listening = open_socket(self._settings)
        if self._settings.listen.scheme is Scheme.UNIX:
            self._server = await loop.create_unix_server(self._connection, sock=listening, backlog=_BACKLOG)
        else:
            self._server = await loop.create_server(self._connection, sock=listening, backlog=_BACKLOG)
        self.up = True

    def poll(self) -> list[bytes] | None:
        """Return received lines; None if there are none."""
        now = self._clock()
        if now - self._looked >= 1:
            self._looked = now
            for connection in tuple(self.open):
                if connection.stuck_since is not None and now - connection.stuck_since >= UNFINISHED_SECONDS:
                    self.refused[Refusal.UNFINISHED] += 1
                    connection.close()
        return self.buffer.take()

    def samples(self) -> Iterator[Sample]:
        """Yield the counters of connections and refusals."""
        yield c.AUDIT_CONNECTIONS(len(self.open), self.label)
        yield c.AUDIT_ACCEPTED(self.accepted, self.label)
        yield from refusal_samples(self.label, self.refused)

    async def close(self) -> None:
        """Stop listening, and close the connections."""
        self.up = False
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.open):
            connection.close()
        remove_socket(self._settings.listen)

    def admit(self, connection: "_Connection", peer: object) -> bool:
        """Return whether to accept a connection; count a refusal."""
        if not allows(self._settings, peer):
            self.refused[Refusal.NOT_ALLOWED] += 1
            return False
        if len(self.open) >= self._most:
            self.refused[Refusal.TOO_MANY] += 1
            min(self.open, key=lambda known: (known.proven, known.heard)).close()
        self.open.add(connection)
        self.accepted += 1
        return True

    def _connection(self) -> "_Connection":
        return _Connection(self, self._make_splitter(self.buffer), self._clock)


class _Connection(asyncio.BufferedProtocol):
    """One connection. It is always read, even if its lines are dropped.

    Attributes:
        proven: whether it has sent a complete line.
        heard: time of the last data.
        stuck_since: start of the current partial line.
    """

    def __init__(self, server: StreamInput, splitter: Splitter, clock: Callable[[], float]) -> None:
        self.proven = False
        self.heard = clock()
        self.stuck_since: float | None = None
        self._server = server
        self._splitter = splitter
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray(_AT_ONCE_BYTES)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        if not self._server.admit(self, transport.get_extra_info("peername")):
            self.close()

    def get_buffer(self, _sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        began = time.perf_counter()
        self.heard = self._clock()
        if self._splitter.feed(bytes(memoryview(self._buffer)[:size])):
            self.proven = True
            self.stuck_since = None
        if not self._splitter.unfinished:
            self.stuck_since = None
        elif self.stuck_since is None:
            self.stuck_since = self.heard
        if self._transport is not None:
            self._server.turns.spend(self._transport, began)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._splitter.end()
        self._server.open.discard(self)

    def close(self) -> None:
        """Close it at once; a partial line is counted."""
        self._server.open.discard(self)
        if self._transport is not None:
            self._transport.abort()
