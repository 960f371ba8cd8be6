"""One connection to the exporter."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, cast

from aiohttp import http_exceptions, web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import PayloadAccessError, RequestPayloadError

from vault_exporter.web.settings import Settings

__all__ = ["Connection", "Owner"]

_CLIENTS_FAULTS: Final = (
    ConnectionError,
    PayloadAccessError,
    RequestPayloadError,
    http_exceptions.HttpProcessingError,
)
"""Exceptions that aiohttp raises for a client's faults: an invalid request, or an unread response."""

_ANY_LINES: Final = 1000
"""Lines of a request, including its body and the sizes of its chunks, that may be of any length."""
_FEWEST_BYTES_A_LINE: Final = 16
"""Minimum average length beyond that. aiohttp takes seconds for a megabyte in chunks of one byte."""

_Headers = Callable[[], Iterator[tuple[str, str]]]


class Owner(Protocol):
    """Keeps the open connections.

    Attributes:
        clock: monotonic time in seconds.
    """

    clock: Callable[[], float]

    def add(self, connection: "Connection") -> None:
        """Add an open connection."""

    def remove(self, connection: "Connection") -> None:
        """Remove a closed connection."""

    def end_flood(self, connection: "Connection") -> None:
        """Close a connection that is flooded with tiny lines or chunks."""


class Connection(web.RequestHandler):
    """One connection.

    Attributes:
        settings: the settings in force when it was accepted.
        tls: the TLS session, or None for plain HTTP.
        peer: the client's address.
        opened: the end of the handshake.
        since: the end of the last request; before the first, the end of the handshake.
        requests: requests in flight.
        handled: requests started so far.
    """

    __slots__ = (
        "_has_ended",
        "_headers",
        "_is_broken",
        "_last",
        "_line_bytes",
        "_lines",
        "_owner",
        "handled",
        "opened",
        "peer",
        "requests",
        "settings",
        "since",
        "tls",
    )

    def __init__(
        self,
        manager: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        owner: Owner,
        settings: Settings,
        headers: _Headers,
    ) -> None:
        # Bodies stay compressed. A handler that needs one inflates it with a size limit.
        super().__init__(manager, loop=loop, access_log=None, auto_decompress=False, lingering_time=1.0)  # type: ignore[arg-type]
        self.settings = settings
        self.tls: ssl.SSLObject | None = None
        self.peer = ""
        self.opened = self.since = owner.clock()
        self.requests = self.handled = 0
        self._owner = owner
        self._headers = headers
        self._is_broken = False
        """Whether the client sent something that is not a request. Whatever follows it is discarded."""
        self._last: StreamReader | None = None
        """Body of the last request that has no response yet."""
        self._has_ended = False
        """Whether the client has closed its side, and still reads."""
        self._lines = self._line_bytes = 0
        """Lines and bytes received since the last request ended."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection. A TLS handshake has succeeded at this point."""
        transport = cast("asyncio.Transport", transport)
        self.tls = transport.get_extra_info("ssl_object")
        self.peer = (transport.get_extra_info("peername") or ("",))[0]
        # A write waits until the kernel has taken all earlier data. With TLS, a limit of 0 would wait forever.
        transport.set_write_buffer_limits(high=0 if self.tls is None else 1, low=0)
        super().connection_made(transport)
        self._owner.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Unregister the connection."""
        self._owner.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse requests. aiohttp would queue one error, with its data, for each piece that follows an error."""
        if self._is_broken:
            return
        self._lines += data.count(b"\n")
        self._line_bytes += len(data)
        if self._lines > max(_ANY_LINES, self._line_bytes // _FEWEST_BYTES_A_LINE):
            self._is_broken = True
            self._owner.end_flood(self)
            return
        super().data_received(data)
        if self._messages:
            message, self._last = self._messages[-1]
            self._is_broken = not isinstance(message, RawRequestMessage)

    def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio has it
        """Keep the connection open if the client has sent complete requests and waits for the responses."""
        self._has_ended = self._last is not None and self._last.is_eof()
        return self._has_ended

    def request_ended(self) -> None:
        """Note the end of a request, and close the connection if it was the last one of a client that sends no more."""
        self.requests -= 1
        self._lines = self._line_bytes = 0
        self.since = self._owner.clock()
        if self._messages:
            return
        self._last = None
        if self._has_ended:
            self.close()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer an invalid request or an internal error. Only internal errors are logged."""
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
        """Log an internal error, but not a client's fault."""
        if not isinstance(kw.get("exc_info"), _CLIENTS_FAULTS):
            super().log_exception(*args, **kw)

    def abort(self) -> None:
        """Close the connection at once, and discard unread data."""
        if self.transport is not None:
            self.transport.abort()
