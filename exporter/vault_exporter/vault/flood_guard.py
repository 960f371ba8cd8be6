"""Connections that close when the node floods them, and send nothing before the node's certificate is checked.

The threat: a compromised node, or an impostor if TLS is not used, sends endless interim responses (``100 Continue``) or
chunks of one byte. aiohttp reads all of them, and its limit on the response's size does not apply. Each costs as much
time and memory as a whole response and blocks the event loop, so one target stops the scrapes of all. A real server
sends only a few.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiohttp
from aiohttp.connector import Connection

from vault_exporter.vault.hostname import HostnameError

__all__ = ["FloodError", "TCPConnector", "UnixConnector"]

_MOST_HEADS: Final = 32
"""Limit of responses to one request, including interim ones."""
_ANY_FRAMES_BYTES: Final = 16 << 10
_FEWEST_BYTES_A_FRAME: Final = 16
"""Minimum average number of bytes between two line ends, in the data received at once."""
_OVERHEAD: Final = 2
"""Limit of all received bytes, including headers and chunk sizes, as a multiple of the largest body."""
_LEAST_BUDGET: Final = 4 << 20

_HEAD: Final = b"HTTP/1."
_NEXT_HEAD: Final = b"\n" + _HEAD
_LINE_END: Final = b"\r"
"""The first byte of HTTP's line end. Bodies of Vault have none, and one byte is found much faster than two."""


class FloodError(aiohttp.ClientError):
    """The node sends data that no HTTP server sends."""


class _Guarded(aiohttp.BaseConnector):
    """A connector whose connections close when they are flooded."""

    def __init__(
        self,
        *,
        max_bytes: int,
        connected: Callable[[asyncio.BaseTransport], None],
        **settings: Any,  # noqa: ANN401 - aiohttp's own
    ) -> None:
        """Create the connector without connecting.

        Args:
            max_bytes: limit of the body's size.
            connected: called once with each new connection, before anything is sent. The connection is closed if it
                raises a HostnameError.
            settings: arguments of aiohttp's connector.
        """
        super().__init__(**settings)
        self._connected = connected
        self._budget = max(_LEAST_BUDGET, _OVERHEAD * max_bytes)

    async def connect(self, *request: Any, **more: Any) -> Connection:  # noqa: ANN401 - aiohttp's own
        """Return a connection for one request."""
        try:
            connection = await super().connect(*request, **more)
        except UnicodeDecodeError:  # asyncio lets Python decode the names and URLs of a certificate that is trusted
            unreadable = HostnameError("a name or a URL in the certificate is not in UTF-8")
            raise aiohttp.ClientConnectionError("a certificate that cannot be read") from unreadable
        transport, protocol = connection.transport, connection.protocol
        if transport is not None and protocol is not None:
            guard = transport.get_protocol()
            if not isinstance(guard, _Guard):
                try:
                    self._connected(transport)
                except HostnameError as error:
                    connection.close()
                    raise aiohttp.ClientConnectionError("not the certificate of the host") from error
                guard = _Guard(protocol, transport)
                transport.set_protocol(guard)
            guard.expect(self._budget)
        return connection


class TCPConnector(_Guarded, aiohttp.TCPConnector):
    """Guarded connections over TCP, with or without TLS."""


class UnixConnector(_Guarded, aiohttp.UnixConnector):
    """Guarded connections to a Unix socket."""


class _Guard(asyncio.Protocol):
    """A protocol between a transport and aiohttp."""

    def __init__(self, inner: asyncio.Protocol, transport: asyncio.Transport) -> None:
        self._inner = inner
        self._transport = transport
        self._budget = self._heads = 0
        self._over = False

    def expect(self, budget: int) -> None:
        """Reset the limits for the response to the next request."""
        self._budget, self._heads = budget, _MOST_HEADS

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self._budget -= len(data)
        self._heads -= data.count(_NEXT_HEAD) + data.startswith(_HEAD)
        is_dust = len(data) > _ANY_FRAMES_BYTES and data.count(_LINE_END) * _FEWEST_BYTES_A_FRAME > len(data)
        if self._budget < 0 or self._heads < 0 or is_dust:
            self.connection_lost(FloodError("no answer of HTTP"))
            self._transport.abort()
        else:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over:
            self._over = True
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
